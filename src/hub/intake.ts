// What a hub does with a visit that it was handed: it registers it across the sensors of the location, decides, and enqueues the report.
// Every step may be repeated, so a visit that is handed over twice is one visit. Nothing of it is kept in this process.
import type { MacAddress } from '../addresses/mac-address.js';
import { type Decision, type DecisionRules, decide } from '../devices/decision.js';
import type { LabelStore } from '../devices/label-store.js';
import { wallTime } from '../nexudus/wall-time.js';
import type { Outbox } from '../outbox/outbox.js';
import type { Report } from '../outbox/report.js';
import { inactiveOwner } from '../pipeline/record.js';
import { restorable, settlementOf } from '../pipeline/settlement.js';
import {
  type RegisteredVisit,
  type Settlement,
  type VisitRegister,
  visitId,
} from '../visits/register/visit-register.js';
import type { HandedVisit } from './protocol.js';

/** A visit from longer ago is no visit that waited, but a wrong clock or an attack. */
const OLDEST_MS = 31 * 86_400_000;
/** Clocks may differ by this much. */
const AHEAD_MS = 10 * 60_000;

export interface IntakeSettings {
  readonly reportAgainAfterMs: number;
  readonly hintOwners: boolean;
}

export interface IntakeEdges {
  readonly rules: DecisionRules;
  registerOf(businessId: number): VisitRegister;
  readonly outbox: Pick<Outbox, 'enqueue' | 'restore' | 'prove'>;
  readonly labelStore: Pick<LabelStore, 'labelOf'>;
}

export type Taken =
  | {
      readonly kind: 'taken';
      readonly decision: Decision;
      /** What became of it now; null when that was settled before. */
      readonly settled: Settlement | null;
    }
  | { readonly kind: 'refused'; readonly reason: string }
  /** No directory has ever been read, so nobody can be called unrecognised. */
  | { readonly kind: 'not-ready' };

export class Intake {
  constructor(
    private readonly settings: IntakeSettings,
    private readonly edges: IntakeEdges,
  ) {}

  /** Rejects when Redis does not answer: the visit is to be handed over again then. `timeZone`: that of the location. */
  async take(businessId: number, visit: HandedVisit, timeZone: string | null): Promise<Taken> {
    const nowMs = Date.now();
    if (visit.firstMs < nowMs - OLDEST_MS) return { kind: 'refused', reason: 'the visit is older than 31 days' };
    if (visit.lastMs > nowMs + AHEAD_MS) return { kind: 'refused', reason: 'the visit lies in the future' };
    const { mac, hostname, kin } = visit;
    const label = await this.edges.labelStore.labelOf(businessId, mac);
    const decision = decide({ mac, hostname, kin }, { ...this.edges.rules, labels: { of: () => label } });
    if (decision.kind === 'pending') return { kind: 'not-ready' };
    const register = this.edges.registerOf(businessId);
    const registered = await register.registerSightings(mac, visit.firstMs, visit.lastMs);
    const settled = await this.settle(businessId, visit, timeZone, decision, registered, register);
    const settlement = settled ?? registered.settlement;
    // What was enqueued for the first time just now cannot have been withdrawn.
    const isFirst = settled === 'reported' && registered.settlement === null && !visit.mayHaveArrived;
    if (!isFirst) await this.restore(businessId, mac, decision, settlement, registered);
    if (settled !== 'reported') await this.prove(businessId, visit, settlement, registered);
    return { kind: 'taken', decision, settled };
  }

  /** Returns null when the visit was settled before. */
  private async settle(
    businessId: number,
    visit: HandedVisit,
    timeZone: string | null,
    decision: Decision,
    registered: RegisteredVisit,
    register: VisitRegister,
  ): Promise<Settlement | null> {
    // A label that was removed binds nobody any more.
    const isUnlabelled = registered.settlement === 'labelled' && decision.label === undefined;
    if (registered.settlement !== null && !isUnlabelled) return null;
    const settlement = settlementOf(decision, registered, { ...this.settings, arePendingReported: false });
    if (settlement === null) return null;
    if (settlement === 'reported')
      await this.edges.outbox.enqueue(this.reportOf(businessId, visit, timeZone, decision, registered));
    await register.settleVisit(visit.mac, registered.startMs, settlement);
    return settlement;
  }

  private reportOf(
    businessId: number,
    visit: HandedVisit,
    timeZone: string | null,
    decision: Decision,
    { startMs, isOlderThanKept }: RegisteredVisit,
  ): Report {
    const { mac, kind, hostname, ipv4, ipv6, via, kin, proven, mayHaveArrived } = visit;
    const likelyOwner = this.settings.hintOwners ? (decision.hint?.likelyOwner ?? null) : null;
    return {
      id: visitId(businessId, mac, startMs),
      businessId,
      mac,
      startMs,
      localStart: timeZone === null ? null : wallTime(startMs, timeZone),
      kind,
      hostname,
      ipv4,
      ipv6,
      via,
      likelyOwner,
      inactive: inactiveOwner(decision),
      sent: mayHaveArrived || isOlderThanKept,
      proven,
      ...(likelyOwner === null ? {} : { kin }),
    };
  }

  /** The device has proved itself since its report was enqueued: by what it showed, or by coming back (REPORT_AGAIN_AFTER). */
  private async prove(
    businessId: number,
    { mac, proven }: HandedVisit,
    settlement: Settlement | null,
    { startMs, lastReportedMs }: RegisteredVisit,
  ): Promise<void> {
    const isReturn = settlement === 'spaced' && lastReportedMs !== null;
    if (!isReturn && !(settlement === 'reported' && proven)) return;
    await this.edges.outbox.prove(visitId(businessId, mac, isReturn ? lastReportedMs : startMs), businessId);
  }

  private async restore(
    businessId: number,
    mac: MacAddress,
    decision: Decision,
    settlement: Settlement | null,
    registered: RegisteredVisit,
  ): Promise<void> {
    for (const startMs of restorable(decision, settlement, registered))
      await this.edges.outbox.restore(visitId(businessId, mac, startMs));
  }
}
