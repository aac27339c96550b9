// How much one sensor may send in a minute. A bucket for each, in the memory of this process.

/** A sensor that was cut off brings what waited: five minutes' worth at once. */
const BURST_MINUTES = 5;
/** Buckets that are kept. One that was not used for an hour is full again, so nothing is lost with it. */
const MAX_BUCKETS = 100_000;

interface Bucket {
  tokens: number;
  filledMs: number;
}

export class RateLimit {
  private readonly buckets = new Map<string, Bucket>();

  constructor(private readonly perMinute: number) {}

  /** Takes `count` out of the sensor's allowance. Returns how long it has to wait before it may send that much, ms; 0 when it may. */
  waitMs(sensor: string, count: number, steadyMs = performance.now()): number {
    const most = this.perMinute * BURST_MINUTES;
    const bucket = this.buckets.get(sensor) ?? { tokens: most, filledMs: steadyMs };
    bucket.tokens = Math.min(most, bucket.tokens + ((steadyMs - bucket.filledMs) * this.perMinute) / 60_000);
    bucket.filledMs = steadyMs;
    this.buckets.delete(sensor);
    this.buckets.set(sensor, bucket);
    const [oldest] = this.buckets.keys();
    if (this.buckets.size > MAX_BUCKETS && oldest !== undefined) this.buckets.delete(oldest);
    if (bucket.tokens < count) return Math.ceil(((count - bucket.tokens) * 60_000) / this.perMinute);
    bucket.tokens -= count;
    return 0;
  }
}
