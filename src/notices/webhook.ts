// Posts one notice to the operator's URL, signed as Standard Webhooks says, and says what to do when that fails.
import { createHmac } from 'node:crypto';
import { Agent } from 'undici';
import { type Notice, noticeBody } from './notice.js';

/** What became of one try. `wait`: nothing can be delivered now; all notices wait for `ms` in their order. */
export type Delivered =
  | { readonly kind: 'done' }
  | { readonly kind: 'given-up'; readonly reason: string }
  | { readonly kind: 'wait'; readonly ms: number; readonly reason: string };

export interface WebhookSettings {
  readonly url: string;
  /** `whsec_` and base64, or any text. */
  readonly secret: string;
  /** A notice that is older than this is given up, ms. */
  readonly keepMs: number;
}

const CONNECT_MS = 5_000;
const ANSWER_MS = 10_000;
/** As the outbox waits for Nexudus: doubles from the first to the longest, jittered. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** More than this is not waited for, whatever the receiver asks. */
const LONGEST_ASKED_MS = 600_000;
/** A verdict on this very notice. Any other refusal may be mended at the receiver, so the notice waits. */
const REFUSALS = [400, 410, 413, 422];

/** Make one for all notices: it remembers how often in a row the receiver failed. */
export class Webhook {
  private readonly agent = new Agent({
    connect: { timeout: CONNECT_MS },
    headersTimeout: ANSWER_MS,
    bodyTimeout: ANSWER_MS,
    maxResponseSize: 1024 * 1024,
  });
  private readonly key: Buffer;
  private failuresInARow = 0;

  constructor(private readonly settings: WebhookSettings) {
    const { secret } = settings;
    this.key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
  }

  /** Never rejects. Reasons name neither the URL, which may hold a secret, nor the device. */
  async deliver(notice: Notice): Promise<Delivered> {
    if (Date.now() - Date.parse(notice.timestamp) > this.settings.keepMs)
      return { kind: 'given-up', reason: 'it could not be delivered for too long' };
    const url = new URL(this.settings.url);
    const body = noticeBody(notice);
    const seconds = Math.floor(Date.now() / 1_000);
    try {
      const {
        statusCode,
        headers,
        body: answer,
      } = await this.agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'user-agent': 'nexudus-wifi-monitor',
          'webhook-id': notice.id,
          'webhook-timestamp': `${seconds}`,
          'webhook-signature': `v1,${this.signature(`${notice.id}.${seconds}.${body}`)}`,
        },
        body,
        signal: AbortSignal.timeout(CONNECT_MS + ANSWER_MS),
      });
      // What the receiver says more than its status does not matter, nor whether it gets to say it.
      await answer.dump().catch(() => {});
      if (statusCode >= 200 && statusCode < 300) {
        this.failuresInARow = 0;
        return { kind: 'done' };
      }
      const reason = `it answers with status ${statusCode}`;
      if (REFUSALS.includes(statusCode)) return { kind: 'given-up', reason };
      return this.wait(reason, secondsOf(headers['retry-after']) * 1_000);
    } catch (error) {
      return this.wait(`it cannot be reached (${codeOf(error)})`, 0);
    }
  }

  /** Breaks off a try that is under way. */
  close(): Promise<void> {
    return this.agent.destroy();
  }

  private signature(signed: string): string {
    return createHmac('sha256', this.key).update(signed).digest('base64');
  }

  private wait(reason: string, askedMs: number): Delivered {
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(this.failuresInARow, 10));
    this.failuresInARow++;
    const ms = Math.round(longest * (0.5 + Math.random() / 2));
    return { kind: 'wait', reason, ms: Math.max(ms, Math.min(askedMs, LONGEST_ASKED_MS)) };
  }
}

/** Of a Retry-After header; 0 when there is none, or a date. */
function secondsOf(header: string | string[] | undefined): number {
  const seconds = Number(Array.isArray(header) ? header[0] : header);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : 0;
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
