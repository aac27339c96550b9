// An answer of a store that may hang. It is asked for at most once a second, and the wait for it is at most two seconds.

/** An answer that is not older than this is returned again. */
const FRESH_MS = 1_000;
const ANSWER_WITHIN_MS = 2_000;

export class RecentAnswer<T> {
  /** The latest answer; null when there was none in time. */
  latest: T | null = null;
  private askedMs = Number.NEGATIVE_INFINITY;
  private asking: Promise<void> | null = null;

  constructor(private readonly question: () => Promise<T>) {}

  /** Returns the answer now; null when there is none in time. Never rejects. */
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

  /** To be called after a change: the next call gets a new answer. */
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
