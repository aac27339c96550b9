// What an answer of Nexudus means: a value that fits the schema, or a failure of a known kind.
import type { z } from 'zod';
import { NexudusError } from './failure.js';
import { oneLine } from './one-line.js';
import { problemAnswer } from './schemas.js';
import type { Answer } from './transport.js';

const MIN_WAIT_MS = 1_000;
const MAX_WAIT_MS = 24 * 3_600_000;
const MAX_MESSAGE = 300;
const MAX_MESSAGES = 20;

export interface Question {
  /** Method and path, for messages: `GET /api/sys/users`. */
  readonly where: string;
  /** What must not appear in a message. */
  readonly secrets: readonly string[];
  /** The role that the call needs; null for a login. */
  readonly role: string | null;
  /** Whether the access token is a fixed one, which nobody renews. */
  readonly mayHaveExpired: boolean;
  /** Unix time in ms. */
  readonly nowMs: number;
}

/**
 * Returns the value of an answer.
 * @throws NexudusError for the failure that its status, its body or its shape mean
 */
export function readAnswer<T>(answer: Answer, schema: z.ZodType<T>, question: Question): T {
  const { where, secrets, role, mayHaveExpired, nowMs } = question;
  const safe = (text: string) => oneLine(withoutSecrets(text, secrets), MAX_MESSAGE);
  const unavailable = (what: string) =>
    new NexudusError({ kind: 'unavailable', message: safe(`${where}: ${what}`), mayHaveArrived: true });
  const unexpected = (what: string) =>
    new NexudusError({ kind: 'unexpected', message: safe(`${where}: ${what}`), mayHaveArrived: true });

  const { status, text } = answer;
  if (status === 409 || status === 429) {
    throw new NexudusError({ kind: 'throttled', retryAfterMs: retryAfterMs(answer, nowMs) });
  }
  if (status >= 300 && status < 400) throw unexpected(`answered ${status}, a redirect to ${target(answer)}`);
  const json = parsed(text);
  const verdict = json === undefined ? undefined : problemAnswer.safeParse(json).data;
  const said = messagesOf(verdict, text).map(safe);
  const saying = said.length === 0 ? '' : `: ${said.join('; ')}`;
  if (status >= 500 || status === 408)
    throw unavailable(`answered ${status}${isWebPage(answer) ? ' with a web page' : saying}`);
  // Something other than the API has answered: a maintenance page, a firewall, a captive portal.
  if (isWebPage(answer)) throw unavailable(`answered ${status} with a web page`);
  if (status === 401 || status === 403) {
    const orExpired = mayHaveExpired ? ' or the access token has expired' : '';
    const cause = role === null ? '' : `, the account lacks the role ${role}${orExpired}`;
    throw new NexudusError({ kind: 'unauthorised', message: safe(`${where}: answered ${status}${cause}${saying}`) });
  }
  if (status >= 400 || verdict?.WasSuccessful === false) {
    throw new NexudusError({
      kind: 'rejected',
      status,
      messages: said.length > 0 ? said : [safe(`${where}: answered ${status}`)],
    });
  }
  if (text.trim() === '') throw unexpected(`answered ${status} with an empty body`);
  if (json === undefined) throw unexpected(`answered ${status} with something that is not JSON`);
  const value = schema.safeParse(json);
  if (!value.success) {
    const [issue] = value.error.issues;
    throw unexpected(
      `answered in another shape than documented, at ${issue?.path.join('.') || 'the top'}: ${issue?.message ?? ''}`,
    );
  }
  return value.data;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Returns what Nexudus says is wrong: `CheckinAttemptTime: is a required field`. The text is untrusted. */
function messagesOf(verdict: z.infer<typeof problemAnswer> | undefined, text: string): string[] {
  if (verdict === undefined) return text.trimStart().startsWith('<') || text.trim() === '' ? [] : [text];
  const errors = verdict.Errors.map(({ PropertyName, Message }) =>
    [PropertyName, Message].filter((part) => part).join(': '),
  );
  const oauth = [verdict.error, verdict.error_description].filter((part) => part).join(': ');
  const messages = errors.length > 0 ? errors : [verdict.Message ?? oauth];
  return messages.filter((message) => message !== '').slice(0, MAX_MESSAGES);
}

function isWebPage(answer: Answer): boolean {
  return /^\s*<(?:!doctype|html)/i.test(answer.text) || (answer.header('content-type') ?? '').includes('text/html');
}

function target(answer: Answer): string {
  const location = answer.header('location') ?? '';
  const base = 'relative://here';
  if (!URL.canParse(location, base)) return 'nowhere';
  // Without the query, in which portals put addresses and tokens.
  const { protocol, host, pathname } = new URL(location, base);
  return protocol === 'relative:' ? pathname : `${protocol}//${host}${pathname}`;
}

/** RFC 9110, 10.2.3: seconds or a date. A date is compared with the server's own clock if the answer has its time. */
function retryAfterMs(answer: Answer, nowMs: number): number | null {
  const value = answer.header('retry-after')?.trim() ?? '';
  const serverMs = Date.parse(answer.header('date') ?? '');
  const waitMs = /^\d+(?:\.\d+)?$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value) - (Number.isNaN(serverMs) ? nowMs : serverMs);
  return Number.isNaN(waitMs) ? null : Math.min(MAX_WAIT_MS, Math.max(MIN_WAIT_MS, waitMs));
}

function withoutSecrets(text: string, secrets: readonly string[]): string {
  let safe = text;
  for (const secret of secrets) {
    for (const form of new Set([
      secret,
      JSON.stringify(secret).slice(1, -1),
      encodeURIComponent(secret),
      formEncoded(secret),
    ])) {
      if (form !== '') safe = safe.replaceAll(form, '***');
    }
  }
  return safe;
}

function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}
