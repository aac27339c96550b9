// The sensor's connection to its hub: sends messages, reads answers, measures the clock. Keeps nothing.
import { z } from 'zod';
import { formatMac, type MacAddress } from '../addresses/mac-address.js';
import type { LabelKind } from '../devices/labels.js';
import { NexudusError } from '../nexudus/failure.js';
import { oneLine } from '../nexudus/one-line.js';
import { type Answer, createTransport } from '../nexudus/transport.js';
import {
  HAND_OVER_ANSWER,
  HAND_OVER_PATH,
  type HandOverAnswer,
  type HandOverMessage,
  LABEL_ANSWER,
  LABEL_PATH,
  PROTOCOL,
  type WireVisit,
} from './protocol.js';

const TIMEOUTS = { connectMs: 10_000, headersMs: 20_000, bodyMs: 10_000, totalMs: 25_000 };
const MAX_WAIT_MS = 3_600_000;
const WAIT_MS = 30_000;

export type HubAnswer<T> =
  | { readonly kind: 'answered'; readonly value: T }
  /** Something is wrong with the message itself. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** The token is unknown or revoked, or for another location. */
  | { readonly kind: 'not-authorised'; readonly reason: string }
  | { readonly kind: 'wait'; readonly ms: number; readonly reason: string }
  | { readonly kind: 'unavailable'; readonly reason: string; readonly mayHaveArrived: boolean };

export interface HubLinkOptions {
  readonly url: string;
  readonly token: string;
  readonly version: string;
  readonly businessId: number | null;
  readonly timeZone: string | null;
  readonly state: () => HandOverMessage['state'];
  /** The hub has answered: `offsetMs` is how far this machine's clock is ahead of the hub's. */
  readonly onClock: (offsetMs: number) => void;
}

const PROBLEM = z.object({ error: z.string() });

export class HubLink {
  private readonly transport = createTransport(TIMEOUTS);
  /** How far this machine's clock is ahead of the hub's, ms; null before the first answer. */
  clockOffsetMs: number | null = null;

  constructor(private readonly options: HubLinkOptions) {}

  /** Never rejects for what the hub or the network does. */
  async handOver(visits: readonly WireVisit[]): Promise<HubAnswer<HandOverAnswer>> {
    const { version, businessId, timeZone, state } = this.options;
    const sentAtMs = Date.now();
    const began = performance.now();
    const message = {
      protocol: PROTOCOL,
      version,
      businessId,
      sentAtMs,
      clockOffsetMs: this.clockOffsetMs,
      timeZone,
      visits,
      state: state(),
    };
    const answer = await this.send(HAND_OVER_PATH, message, HAND_OVER_ANSWER);
    if (answer.kind === 'answered') {
      // RFC 5905 section 8, with one time at the hub in place of two: half of the way there and back has passed.
      const offsetMs = Math.round(sentAtMs + (performance.now() - began) / 2 - answer.value.nowMs);
      this.clockOffsetMs = offsetMs;
      this.options.onClock(offsetMs);
    }
    return answer;
  }

  /** Sets a label, or removes it. Returns whether there was something to do. */
  async label(
    mac: MacAddress,
    label: { readonly as: LabelKind; readonly name: string | null } | null,
  ): Promise<HubAnswer<{ done: boolean }>> {
    return await this.send(LABEL_PATH, { mac: formatMac(mac), label }, LABEL_ANSWER);
  }

  close(): Promise<void> {
    return this.transport.close();
  }

  private async send<T>(path: string, message: object, schema: z.ZodType<T>): Promise<HubAnswer<T>> {
    const { url, token, version } = this.options;
    const base = new URL(url);
    const headers = {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'user-agent': `nexudus-wifi-monitor/${version}`,
    };
    let answer: Answer;
    try {
      answer = await this.transport.exchange({
        method: 'POST',
        url: new URL(base.pathname.replace(/\/$/, '') + path, base.origin),
        headers,
        body: JSON.stringify(message),
        signal: undefined,
      });
    } catch (error) {
      if (!(error instanceof NexudusError)) throw error;
      const { failure } = error;
      const mayHaveArrived = 'mayHaveArrived' in failure && failure.mayHaveArrived;
      return { kind: 'unavailable', reason: `the hub does not answer: ${error.message}`, mayHaveArrived };
    }
    return this.read(answer, schema);
  }

  private read<T>(answer: Answer, schema: z.ZodType<T>): HubAnswer<T> {
    const { status, text } = answer;
    const json = parsed(text);
    if (status === 200) {
      const value = schema.safeParse(json);
      if (value.success) return { kind: 'answered', value: value.data };
      return { kind: 'unavailable', reason: 'what answers at HUB_URL is no hub', mayHaveArrived: true };
    }
    const said = PROBLEM.safeParse(json).data?.error;
    const reason = `the hub answers ${status}${said === undefined ? '' : `: ${oneLine(said, 200)}`}`;
    switch (status) {
      case 401:
      case 403:
        return { kind: 'not-authorised', reason };
      case 429:
        return { kind: 'wait', ms: retryAfterMs(answer), reason };
      case 400:
      case 413:
        return { kind: 'refused', reason };
      default:
        return { kind: 'unavailable', reason, mayHaveArrived: status >= 500 };
    }
  }
}

/** RFC 9110 section 10.2.3; a hub gives seconds. */
function retryAfterMs(answer: Answer): number {
  const seconds = Number(answer.header('retry-after') ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(MAX_WAIT_MS, seconds * 1_000) : WAIT_MS;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
