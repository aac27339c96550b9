// What became of a visit's failed check-in, as far as this sensor knows: told by its own deliveries and by what lies in the outbox.
import { type MacAddress, macDigits } from '../../addresses/mac-address.js';
import type { OutboxItem, Outcome } from '../../outbox/outbox.js';
import type { Report } from '../../outbox/report.js';
import type { PipelineListener } from '../../pipeline/listeners.js';
import type { VisitRecord } from '../../pipeline/record.js';
import { visitId } from '../../visits/register/visit-register.js';

/** Some 5 MB at most. */
const MAX_REMEMBERED = 20_000;

export interface ReportJson {
  /**
   * `none`: there is nothing to report. `waiting`: in the outbox. `posted`: Nexudus has it. `refused`: Nexudus will not take it, a
   * person may retry. `not-needed`: the device was registered or
   * labelled while the check-in waited. `handed-over`: it went to the outbox, and what became of it was not seen here (another sensor
   * delivered it, or this one before it was started again). `dry-run`.
   */
  readonly state: 'none' | 'waiting' | 'posted' | 'refused' | 'not-needed' | 'handed-over' | 'dry-run';
  readonly reason: string | null;
  /** The Id of the record in Nexudus. */
  readonly recordId: number | null;
  /** When that became known. */
  readonly at: string | null;
}

/** What lay in the outbox when it was last listed. */
export interface OutboxListing {
  readonly items: ReadonlyMap<string, OutboxItem>;
  /** What lay in it the time before: an entry that moves while the states are listed one by one can be missed once. */
  readonly before: ReadonlyMap<string, OutboxItem>;
  /** Whether nothing else is in it. */
  readonly isComplete: boolean;
  /** Steady time at which it was asked. */
  readonly askedMs: number;
}

interface Delivery {
  readonly json: ReportJson;
  readonly atMs: number;
}

const NONE = stateOf('none');
const DRY_RUN = stateOf('dry-run');
const HANDED_OVER = stateOf('handed-over');

export class ReportStates implements PipelineListener {
  /** The latest news of each entry, the oldest first. */
  private readonly deliveries = new Map<string, Delivery>();
  /** Why nothing can be delivered at present, in words. */
  pauseReason: string | null = null;

  constructor(
    private readonly options: {
      readonly businessId: number;
      readonly retentionMs: number;
      readonly isDryRun: boolean;
    },
  ) {}

  /** Its own failed check-in went to the outbox. */
  onDecision({ visit, startMs, settlement, report }: VisitRecord): void {
    if (settlement !== 'reported' || startMs === null || report === null) return;
    const id = visitId(this.options.businessId, visit.mac, startMs);
    // Delivery can be quicker than the register.
    if (!this.deliveries.has(id)) this.remember(id, stateOf('waiting'));
  }

  /** A report that was withdrawn because of a label waits again without it. */
  onDecidedAnew({ visit, startMs, decision, settlement, report }: VisitRecord): void {
    if (decision?.kind !== 'unrecognised' || settlement !== 'reported' || startMs === null) return;
    const id = visitId(this.options.businessId, visit.mac, startMs);
    if (this.deliveries.get(id)?.json.state === 'not-needed') this.deliveries.delete(id);
    if (report !== null && !this.deliveries.has(id)) this.remember(id, stateOf('waiting'));
  }

  onOutcome({ id }: Pick<Report, 'id'>, outcome: Outcome): void {
    this.pauseReason = outcome.kind === 'pause' ? outcome.reason : null;
    this.remember(id, afterOutcome(outcome));
  }

  onEnded({ visit, startMs }: VisitRecord): void {
    if (startMs !== null) this.deliveries.delete(visitId(this.options.businessId, visit.mac, startMs));
  }

  onForget(mac: MacAddress): void {
    for (const id of this.deliveries.keys()) if (id.includes(`-${macDigits(mac)}-`)) this.deliveries.delete(id);
  }

  /** `listing` is null when the outbox does not answer. */
  of({ visit, startMs, settlement, decision }: VisitRecord, listing: OutboxListing | null): ReportJson {
    if (settlement !== 'reported' || startMs === null) return NONE;
    if (this.options.isDryRun) return decision?.label === undefined ? DRY_RUN : NONE;
    const id = visitId(this.options.businessId, visit.mac, startMs);
    const delivery = this.deliveries.get(id);
    const state = delivery?.json.state;
    if (delivery !== undefined && (state === 'posted' || state === 'not-needed')) return delivery.json;
    const item = listing?.items.get(id) ?? listing?.before.get(id);
    if (item !== undefined) return stateOf(item.state === 'failed' ? 'refused' : 'waiting', this.reasonOf(item));
    if (delivery === undefined) return HANDED_OVER;
    // It is nowhere any more: another sensor, or a person, has seen to it.
    const isGone = listing?.isComplete === true && listing.askedMs > delivery.atMs;
    return isGone ? HANDED_OVER : delivery.json;
  }

  /** The reason of an entry that lies in the outbox; BullMQ keeps none while everything pauses. */
  reasonOf({ id, state, reason }: OutboxItem): string | null {
    const json = this.deliveries.get(id)?.json;
    return reason ?? (state !== 'failed' && json?.state === 'waiting' ? json.reason : null);
  }

  private remember(id: string, json: ReportJson): void {
    const nowMs = performance.now();
    this.deliveries.delete(id);
    this.deliveries.set(id, { json, atMs: nowMs });
    for (const [oldest, { atMs }] of this.deliveries) {
      if (this.deliveries.size <= MAX_REMEMBERED && nowMs - atMs <= this.options.retentionMs) break;
      this.deliveries.delete(oldest);
    }
  }
}

function stateOf(state: ReportJson['state'], reason: string | null = null): ReportJson {
  return { state, reason, recordId: null, at: null };
}

function afterOutcome(outcome: Outcome): ReportJson {
  const at = new Date().toISOString();
  switch (outcome.kind) {
    case 'posted':
    case 'found':
      return { state: 'posted', reason: null, recordId: outcome.recordId, at };
    case 'not-needed':
      return { ...stateOf('not-needed', outcome.reason), at };
    case 'refused':
      return { ...stateOf('refused', outcome.reason), at };
    case 'pause':
    case 'put-back':
      return stateOf('waiting', outcome.reason);
  }
}
