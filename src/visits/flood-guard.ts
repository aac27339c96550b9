// Holds back new devices when there are too many of them: an attacker, or a broken bridge, can show a million MACs a minute.
// It counts what it refuses and remembers none of it.

/**
 * New devices that may come at once: when the monitor starts (or everybody's access point comes back), all that are there
 * look new. A thousand besides the registered ones is more than a location has; a flood shows them within a blink.
 */
const BURST = 1_000;
/** The least pace of new devices, a minute: with the burst, two thousand visitors can arrive within a quarter of an hour. */
const MIN_PER_MINUTE = 60;
/** Visits that may be open when one more of a device nobody knows begins, whatever the pace: some 50 MB. */
const MAX_OPEN = 20_000;
/** Failed check-ins that wait: days of what Nexudus takes (NEXUDUS_POSTS_PER_DAY), and some 20 MB of Redis. */
const MAX_QUEUED = 10_000;
/** A flood is over when nothing was refused for this long. */
const OVER_AFTER_MS = 60_000;

/** A token bucket for the visits of devices that are neither known nor in a visit already. One for each sensor. */
export class FloodGuard {
  /** New devices that were not let in since the start; the same one counts each time it is seen. */
  refused = 0;
  /** How many failed check-ins wait in the outbox; kept up to date by whoever asks the outbox. */
  queued = 0;
  private readonly perMs: number;
  private tokens = BURST;
  private filledMs: number | null = null;
  private refusedMs = Number.NEGATIVE_INFINITY;

  /** As many new devices may come as failed check-ins may be posted, at least 60 a minute. */
  constructor(postsPerMinute: number) {
    this.perMs = Math.max(MIN_PER_MINUTE, postsPerMinute) / 60_000;
  }

  /** Whether one more new device is let in. `steadyMs` never goes back; `open` is how many visits are open. */
  admits(steadyMs: number, open: number): boolean {
    this.tokens = Math.min(BURST, this.tokens + (steadyMs - (this.filledMs ?? steadyMs)) * this.perMs);
    this.filledMs = steadyMs;
    if (this.tokens >= 1 && open < MAX_OPEN && !this.isOutboxFull) {
      this.tokens--;
      return true;
    }
    this.refused++;
    this.refusedMs = steadyMs;
    return false;
  }

  get isOutboxFull(): boolean {
    return this.queued >= MAX_QUEUED;
  }

  /** Whether something was refused within the last minute. */
  isHoldingBack(steadyMs: number): boolean {
    return steadyMs - this.refusedMs < OVER_AFTER_MS;
  }
}
