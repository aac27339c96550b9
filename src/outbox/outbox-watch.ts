// What is in the outbox, asked often enough for health and never more often than Redis should notice.
import type { DayBudget, DaySpent } from './day-budget.js';
import type { Outbox, OutboxCounts } from './outbox.js';
import { RecentAnswer } from './recent-answer.js';

const ASK_EVERY_MS = 10_000;

export interface OutboxLook {
  readonly counts: OutboxCounts;
  /** When the oldest entry that is not failed was added, ms since the epoch. */
  readonly oldestMs: number | null;
  /** The posts of today. */
  readonly spent: DaySpent;
}

export class OutboxWatch {
  private readonly look: RecentAnswer<OutboxLook>;
  private readonly timer: NodeJS.Timeout;

  /** `onLook` hears of every answer. */
  constructor(
    outbox: Pick<Outbox, 'counts' | 'oldestMs'>,
    budget: Pick<DayBudget, 'spent'>,
    onLook: (look: OutboxLook) => void,
  ) {
    this.look = new RecentAnswer(async () => {
      const [counts, oldestMs, spent] = await Promise.all([outbox.counts(), outbox.oldestMs(), budget.spent()]);
      const look = { counts, oldestMs, spent };
      onLook(look);
      return look;
    });
    this.timer = setInterval(() => void this.current(), ASK_EVERY_MS);
    this.timer.unref();
  }

  /** The outbox now; null when it does not answer. Never rejects. */
  current(): Promise<OutboxLook | null> {
    return this.look.current();
  }

  /** The outbox was changed. */
  outdate(): void {
    this.look.outdate();
  }

  close(): void {
    clearInterval(this.timer);
  }
}
