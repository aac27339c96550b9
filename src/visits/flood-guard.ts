// Holds back new devices when there are too many of them: an attacker, or a broken bridge, can show a million MACs a minute.
// Devices that are refused are counted, but not remembered.

/**
 * So many new devices may come at once. When the sensor starts, or an access point comes back, all devices that are there look new.
 * A location has fewer than a thousand besides the registered ones. A flood reaches this number in less than a second.
 */
const BURST = 1_000;
/** At least so many new devices a minute are let in: with the burst, two thousand visitors can arrive within a quarter of an hour. */
const MIN_PER_MINUTE = 60;
/** With more open visits than this, some 50 MB, no new device is let in. */
const MAX_OPEN = 20_000;
/** With more waiting reports than this, some 20 MB in Redis and days of NEXUDUS_POSTS_PER_DAY, no new device is let in. */
const MAX_QUEUED = 10_000;
/** A flood is over when nothing was refused for this long. */
const OVER_AFTER_MS = 60_000;

/** A token bucket for the visits of devices that are neither known nor in a visit already. One for each sensor. */
export class FloodGuard {
  /** How often a new device was refused since the start. A device counts each time it is seen. */
  refused = 0;
  /** How many reports wait in the outbox. The sensor keeps it up to date. */
  queued = 0;
  private readonly perMs: number;
  private tokens = BURST;
  private filledMs: number | null = null;
  private refusedMs = Number.NEGATIVE_INFINITY;

  /** As many new devices may come as failed check-ins may be posted, at least 60 a minute. */
  constructor(postsPerMinute: number) {
    this.perMs = Math.max(MIN_PER_MINUTE, postsPerMinute) / 60_000;
  }

  /** Returns whether a new device is let in. `steadyMs` never goes back; `open` is how many visits are open. */
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
