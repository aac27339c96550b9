// What became of a visit's report, by this sensor's own deliveries and by the outbox.
import { type MacAddress, macDigits } from '../../addresses/mac-address.js';
import type { LabelKind } from '../../devices/labels.js';
import type { OutboxItem, Outcome } from '../../outbox/outbox.js';
import type { Report } from '../../outbox/report.js';
import type { PipelineListener } from '../../pipeline/listeners.js';
import type { VisitRecord } from '../../pipeline/record.js';
import { visitId } from '../../visits/register/visit-register.js';
import type { DiaryReport } from './diary-entry.js';

/** At most so many are remembered, some 5 MB. */
const MAX_REMEMBERED = 20_000;

export interface ReportJson {
  /**
   * `none`: there is nothing to report. `waiting`: it is in the outbox. `posted`: Nexudus has it. `refused`: Nexudus refused it, and
   * an operator may retry. `not-needed`: the device was registered or labelled while the report waited. `handed-over`: a hub has it (then
   * `reason` says what it decided), or it was in the outbox, and what became of it is not known here (another sensor delivered it, or
   * this one before a restart). `dry-run`: it is not posted.
   */
  readonly state: 'none' | 'waiting' | 'posted' | 'refused' | 'not-needed' | 'handed-over' | 'dry-run';
  readonly reason: string | null;
  /** The Id of the record in Nexudus. */
  readonly recordId: number | null;
  /** When the state became known. */
  readonly at: string | null;
}

/** The outbox when it was last listed. */
export interface OutboxListing {
  readonly items: ReadonlyMap<string, OutboxItem>;
  /** The items of the listing before. An entry that changes its state while the states are listed can be missing from a listing. */
  readonly before: ReadonlyMap<string, OutboxItem>;
  /** Whether all items are listed. */
  readonly isComplete: boolean;
  /** Steady time when the listing began. */
  readonly askedMs: number;
}

/** A visit, as far as the state of its report depends on it. */
export interface ReportedVisit extends Pick<VisitRecord, 'startMs' | 'settlement'> {
  readonly visit: { readonly mac: MacAddress };
  readonly decision: { readonly label?: LabelKind } | null;
}

interface Delivery {
  readonly json: ReportJson;
  readonly atMs: number;
}

const NONE = stateOf('none');
const DRY_RUN = stateOf('dry-run');
const HANDED_OVER = stateOf('handed-over');

export class ReportStates implements PipelineListener {
  /** The latest state of each report, the oldest first. */
  private readonly deliveries = new Map<string, Delivery>();
  /** Why nothing can be delivered now, in words. */
  pauseReason: string | null = null;

  constructor(
    private readonly options: {
      readonly businessId: number;
      readonly retentionMs: number;
      readonly isDryRun: boolean;
    },
  ) {}

  /** This sensor's own report was enqueued. */
  onDecision({ visit, startMs, settlement, report }: VisitRecord): void {
    if (settlement !== 'reported' || startMs === null || report === null) return;
    const id = visitId(this.options.businessId, visit.mac, startMs);
    // Delivery may have been quicker.
    if (!this.deliveries.has(id)) this.remember(id, stateOf('waiting'));
  }

  /** A report that was withdrawn because of a label waits again when the label is removed. */
  onDecidedAnew({ visit, startMs, decision, settlement, report }: VisitRecord): void {
    if (decision?.kind !== 'unrecognised' || settlement !== 'reported' || startMs === null) return;
    const id = visitId(this.options.businessId, visit.mac, startMs);
    if (this.deliveries.get(id)?.json.state === 'not-needed') this.deliveries.delete(id);
    if (report !== null && !this.deliveries.has(id)) this.remember(id, stateOf('waiting'));
  }

  onOutcome({ id }: Pick<Report, 'id'>, outcome: Outcome): void {
    this.pauseReason = outcome.kind === 'pause' || outcome.kind === 'pause-own' ? outcome.reason : null;
    this.remember(id, afterOutcome(outcome));
  }

  onEnded({ visit, startMs }: VisitRecord): void {
    if (startMs !== null) this.deliveries.delete(visitId(this.options.businessId, visit.mac, startMs));
  }

  onForget(mac: MacAddress): void {
    for (const id of this.deliveries.keys()) if (id.includes(`-${macDigits(mac)}-`)) this.deliveries.delete(id);
  }

  /** `listing` is null when the outbox does not answer. `diary`: what is written of the visit's report; it outlives this process. */
  of(
    { visit: { mac }, startMs, settlement, decision }: ReportedVisit,
    listing: OutboxListing | null,
    diary: DiaryReport | null = null,
  ): ReportJson {
    if (settlement !== 'reported' || startMs === null) return NONE;
    if (this.options.isDryRun) return decision?.label === undefined ? DRY_RUN : NONE;
    // That is final, while a listing of the outbox may be of a moment ago.
    if (diary?.state === 'posted') return reportJson(diary);
    const state = this.stateOf(visitId(this.options.businessId, mac, startMs), listing);
    const isTold = diary?.state === 'not-needed' || diary?.state === 'refused';
    return state === HANDED_OVER && isTold ? reportJson(diary) : state;
  }

  private stateOf(id: string, listing: OutboxListing | null): ReportJson {
    const delivery = this.deliveries.get(id);
    const state = delivery?.json.state;
    if (delivery !== undefined && (state === 'posted' || state === 'not-needed' || state === 'handed-over'))
      return delivery.json;
    const item = listing?.items.get(id) ?? listing?.before.get(id);
    if (item !== undefined) return stateOf(item.state === 'failed' ? 'refused' : 'waiting', this.reasonOf(item));
    if (delivery === undefined) return HANDED_OVER;
    // The report is not in the outbox any more: another sensor delivered it, or an operator dropped it.
    const isGone = listing?.isComplete === true && listing.askedMs > delivery.atMs;
    return isGone ? HANDED_OVER : delivery.json;
  }

  /** Returns the reason of an entry in the outbox. While everything pauses BullMQ has none, but the latest outcome has. */
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

export function reportJson({ state, reason, recordId, atMs }: DiaryReport): ReportJson {
  return { state, reason, recordId, at: new Date(atMs).toISOString() };
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
    case 'handed-over':
      return { ...stateOf('handed-over', `the hub: ${outcome.decision.kind}`), at };
    case 'not-needed':
      return { ...stateOf('not-needed', outcome.reason), at };
    case 'refused':
      return { ...stateOf('refused', outcome.reason), at };
    case 'pause':
    case 'pause-own':
    case 'put-back':
    case 'await-proof':
      return stateOf('waiting', outcome.reason);
  }
}
