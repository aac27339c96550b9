// An answer that is asked for at most once a second, and never waited for longer than two: a store that hangs must hold nobody up.

/** An answer that is not older than this is as good as a new one. */
const FRESH_MS = 1_000;
const ANSWER_WITHIN_MS = 2_000;

export class RecentAnswer<T> {
  /** The latest answer; null when there is none, or none any more. */
  latest: T | null = null;
  private askedMs = Number.NEGATIVE_INFINITY;
  private asking: Promise<void> | null = null;

  constructor(private readonly question: () => Promise<T>) {}

  /** The answer now; null when there is none in time. Never rejects. */
  async current(): Promise<T | null> {
    if (performance.now() - this.askedMs > FRESH_MS) {
      this.asking ??= this.ask().finally(() => {
        this.asking = null;
      });
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(() => {
          this.latest = null;
          resolve();
        }, ANSWER_WITHIN_MS);
      });
      await Promise.race([this.asking, late]).finally(() => clearTimeout(timer));
    }
    return this.latest;
  }

  /** Something was changed: the next one who asks gets a new answer. */
  outdate(): void {
    this.askedMs = Number.NEGATIVE_INFINITY;
  }

  private async ask(): Promise<void> {
    try {
      this.latest = await this.question();
    } catch {
      this.latest = null;
    }
    this.askedMs = performance.now();
  }
}
