// Request limits as Nexudus publishes them: so many requests in so long, else 409 with Retry-After.

/** At most `max` requests in any `perMs`, counting all methods or only the ones listed. */
export type Limit = { max: number; perMs: number; methods?: string[] };

const WRITES = ['POST', 'PUT', 'DELETE'];
const SECOND = 1000;

/** The strictest figures of the documentation's pages. */
export const PUBLISHED_LIMITS: Limit[] = [
  { max: 60, perMs: 60 * SECOND, methods: WRITES },
  { max: 2_500, perMs: 86_400 * SECOND, methods: WRITES },
  { max: 1, perMs: 100 },
  { max: 120, perMs: 60 * SECOND },
  { max: 5_000, perMs: 3_600 * SECOND },
  { max: 200_000, perMs: 86_400 * SECOND },
];

export class Throttle {
  readonly #limits: Array<Limit & { granted: number[] }>;

  constructor(limits: Limit[]) {
    this.#limits = limits.map((limit) => ({ ...limit, granted: [] }));
  }

  /** Milliseconds until the request would be allowed; 0 when it is, and then it counts. */
  waitMs(method: string, now: number): number {
    const limits = this.#limits.filter(({ methods }) => methods === undefined || methods.includes(method));
    let wait = 0;
    for (const { granted, max, perMs } of limits) {
      while (granted.length > 0 && (granted[0] ?? 0) <= now - perMs) granted.shift();
      if (granted.length >= max) wait = Math.max(wait, (granted[0] ?? 0) + perMs - now);
    }
    if (wait === 0) for (const { granted } of limits) granted.push(now);
    return wait;
  }
}
