// Which locations' failed check-ins Nexudus refuses to take from this account, for health: by the tries of this sensor alone.
import type { Outcome } from '../../outbox/outbox.js';
import type { Report } from '../../outbox/report.js';
import type { PipelineListener } from '../../pipeline/listeners.js';
import type { RefusalFacts } from './health.js';

/** A refused report is tried again within ten minutes, unless another sensor has seen to it. */
const FORGOTTEN_AFTER_MS = 900_000;
const MAX_REMEMBERED = 1_000;
const MAC = /\b([0-9a-f]{2}[:-]?){5}[0-9a-f]{2}\b/gi;

interface Refusal {
  readonly businessId: number;
  readonly startMs: number;
  readonly reason: string;
  readonly atMs: number;
}

export class RefusalWatch implements PipelineListener {
  /** By the id of the report, the one refused last at the end. */
  private readonly refused = new Map<string, Refusal>();

  onOutcome({ id, businessId, startMs }: Pick<Report, 'id' | 'businessId' | 'startMs'>, outcome: Outcome): void {
    this.refused.delete(id);
    if (outcome.kind !== 'put-back' || outcome.isRefused !== true) return;
    const reason = outcome.reason.replaceAll(MAC, '(address)');
    this.refused.set(id, { businessId, startMs, reason, atMs: performance.now() });
    const [oldest] = this.refused.keys();
    if (this.refused.size > MAX_REMEMBERED && oldest !== undefined) this.refused.delete(oldest);
  }

  /** One for each location. */
  facts(): RefusalFacts[] {
    const facts = new Map<number, RefusalFacts>();
    for (const { businessId, startMs, reason, atMs } of this.refused.values()) {
      if (performance.now() - atMs > FORGOTTEN_AFTER_MS) continue;
      const { count, firstStartMs } = facts.get(businessId) ?? { count: 0, firstStartMs: startMs };
      facts.set(businessId, {
        businessId,
        count: count + 1,
        firstStartMs: Math.min(firstStartMs, startMs),
        reason,
      });
    }
    return [...facts.values()];
  }
}
