// What is in the outbox, asked often enough for health and never more often than Redis should notice.
import type { Outbox, OutboxCounts } from '../outbox/outbox.js';

const ASK_EVERY_MS = 10_000;
/** A look that is not older than this is as good as a new one. */
const FRESH_MS = 1_000;
/** Health must be answered although Redis does not answer. */
const ANSWER_WITHIN_MS = 2_000;

export interface OutboxLook {
  readonly counts: OutboxCounts;
  /** When the oldest entry that is not failed was added, ms since the epoch. */
  readonly oldestMs: number | null;
}

export class OutboxWatch {
  private look: OutboxLook | null = null;
  private lookedMs = Number.NEGATIVE_INFINITY;
  private looking: Promise<void> | null = null;
  private readonly timer: NodeJS.Timeout;

  /** `onLook` hears of every answer. */
  constructor(
    private readonly outbox: Pick<Outbox, 'counts' | 'oldestMs'>,
    private readonly onLook: (look: OutboxLook) => void,
  ) {
    this.timer = setInterval(() => void this.current(), ASK_EVERY_MS);
    this.timer.unref();
  }

  /** The outbox now; null when it does not answer. Never rejects. */
  async current(): Promise<OutboxLook | null> {
    if (performance.now() - this.lookedMs > FRESH_MS) {
      this.looking ??= this.ask().finally(() => {
        this.looking = null;
      });
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          this.look = null;
          resolve();
        }, ANSWER_WITHIN_MS);
      });
      await Promise.race([this.looking, late]).finally(() => clearTimeout(timer));
    }
    return this.look;
  }

  close(): void {
    clearInterval(this.timer);
  }

  private async ask(): Promise<void> {
    try {
      const [counts, oldestMs] = await Promise.all([this.outbox.counts(), this.outbox.oldestMs()]);
      this.look = { counts, oldestMs };
      this.onLook(this.look);
    } catch {
      this.look = null;
    }
    this.lookedMs = performance.now();
  }
}
