// The port behind which notices wait for the webhook, and the queue of one process: it forgets on exit.
import { isAbout, type Notice } from './notice.js';
import type { Delivered } from './webhook.js';

/** More notices than this are not kept: the oldest go (in Redis, the newest). */
export const MAX_NOTICES = 1_000;

export interface NoticeQueue {
  /** A notice with an id that is there, or was delivered, changes nothing. Rejects when the store cannot be reached. */
  add(notice: Notice): Promise<void> | void;
  /** Removes what waits about a device; `mac` is written with colons. */
  forget(mac: string): Promise<void> | void;
  /** Lets the notice that is being delivered finish, then stops. */
  close(): Promise<void>;
}

export interface NoticeQueueEdges {
  /** Never rejects. */
  readonly deliver: (notice: Notice) => Promise<Delivered>;
  /** Hears of every try. */
  readonly onDelivered: (notice: Notice, delivered: Delivered) => void;
  /** A notice was dropped because too many wait. */
  readonly onFull: () => void;
}

export class MemoryNotices implements NoticeQueue {
  private readonly waiting = new Map<string, Notice>();
  private readonly done = new Set<string>();
  private readonly running: Promise<void>;
  private isClosing = false;
  private wake = () => {};

  constructor(private readonly edges: NoticeQueueEdges) {
    this.running = this.run();
  }

  add(notice: Notice): void {
    if (this.done.has(notice.id)) return;
    this.waiting.set(notice.id, notice);
    if (dropOldest(this.waiting)) this.edges.onFull();
    this.wake();
  }

  forget(mac: string): void {
    for (const notice of this.waiting.values()) if (isAbout(notice, mac)) this.waiting.delete(notice.id);
  }

  async close(): Promise<void> {
    this.isClosing = true;
    this.wake();
    await this.running;
  }

  private async run(): Promise<void> {
    while (!this.isClosing) {
      const [next] = this.waiting.values();
      if (next === undefined) {
        await this.sleep(null);
        continue;
      }
      const delivered = await this.edges.deliver(next);
      this.edges.onDelivered(next, delivered);
      if (delivered.kind === 'wait') await this.sleep(delivered.ms);
      else {
        this.waiting.delete(next.id);
        this.done.add(next.id);
        dropOldest(this.done);
      }
    }
  }

  /** Until something new happens, where `ms` is null. A new notice does not shorten a wait for the receiver. */
  private sleep(ms: number | null): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === null ? undefined : setTimeout(resolve, ms);
      this.wake = () => {
        if (ms !== null && !this.isClosing) return;
        clearTimeout(timer);
        resolve();
      };
      if (this.isClosing || (ms === null && this.waiting.size > 0)) this.wake();
    });
  }
}

function dropOldest(kept: Map<string, unknown> | Set<string>): boolean {
  const [oldest] = kept.keys();
  return kept.size > MAX_NOTICES && oldest !== undefined && kept.delete(oldest);
}
