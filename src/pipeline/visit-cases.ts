// Settles visits: registers each, decides about it, enqueues its report, and settles it in the register. A limited number may wait.
import type { MacAddress } from '../addresses/mac-address.js';
import { type Decision, type DecisionRules, decide } from '../devices/decision.js';
import type { Outbox } from '../outbox/outbox.js';
import type { Report } from '../outbox/report.js';
import {
  type Awaitable,
  after,
  type RegisteredVisit,
  type Settlement,
  type VisitRegister,
  visitId,
} from '../visits/register/visit-register.js';
import type { Visit } from '../visits/visit.js';
import type { Listeners } from './listeners.js';
import { hasProvenItself, type ReportedFacts, reportedFacts, reportOf, type VisitRecord } from './record.js';
import { restorable, settlementOf } from './settlement.js';
import { type CaseEvent, type CaseState, isExpendable, isUnsettled, NEW, step } from './visit-case.js';

/** After the register or the outbox failed, a visit is tried again this much later. */
const RETRY_MS = 2_000;
/** So many visits may wait. If there are more, the oldest whose device has left is given up, and counted. */
const MAX_WAITING = 10_000;
/** If a report cannot be restored because it is being delivered, this is tried again after this time. */
const LOOK_AGAIN_MS = 1_000;
/** How long a stop waits for the register and the outbox. */
const STOP_WITHIN_MS = 4_000;

const NEWS: CaseEvent = { kind: 'news' };
const DEPARTED: CaseEvent = { kind: 'departed' };
const HELD: CaseEvent = { kind: 'held' };

export interface CaseSettings {
  readonly businessId: number;
  readonly timeZone: string | null;
  readonly reportAgainAfterMs: number;
  readonly hintOwners: boolean;
  /** Every pending visit is reported: to a hub, which decides (see `decided`). */
  readonly decidedByHub?: boolean;
}

/** The other two are missing in a dry run and a replay, where no report is ever withdrawn, and no device has to prove itself. */
export type OutboxEntrance = Pick<Outbox, 'enqueue'> & Partial<Pick<Outbox, 'restore' | 'prove'>>;

export interface CaseEdges {
  readonly rules: DecisionRules;
  readonly register: VisitRegister;
  /** Null when nothing is to be posted. */
  readonly outbox: OutboxEntrance | null;
  readonly listeners: Listeners;
  /** Until the clock is trusted no visit is registered, because with a wrong time it could join a visit of another day. */
  readonly isClockTrusted: () => boolean;
  /** Brings a visit's times up to date before it is registered again. */
  readonly update: (visit: Visit) => void;
}

/** A visit's record, and the state of the visit. */
class VisitCase implements VisitRecord {
  state: CaseState = NEW;
  startMs: number | null = null;
  decision: Decision | null = null;
  settlement: Settlement | null = null;
  /** The device's label has changed since it was decided. */
  isStale = false;
  /** The outbox knows that the device has proved itself, as far as that matters. */
  isProven = false;
  /** The latest decision that was emitted. */
  emitted: Decision | null = null;
  /** Null until this sensor reports the visit. */
  reported: ReportedFacts | null = null;
  /** Resolves when the register and the outbox have answered; null when neither is asked. */
  registering: Promise<void> | null = null;

  constructor(
    readonly visit: Visit,
    private readonly settings: CaseSettings,
  ) {}

  get report(): Report | null {
    return this.reportWith(false);
  }

  /** The device that the hint speaks of is to be forgotten. */
  forgetHint(): void {
    if (this.decision !== null) this.decision = { ...this.decision, hint: null };
    if (this.emitted !== null) this.emitted = { ...this.emitted, hint: null };
    if (this.reported !== null) this.reported = { ...this.reported, likelyOwner: null };
  }

  reportWith(sent: boolean): Report | null {
    return this.reported === null ? null : reportOf(this.reported, this.visit, this.settings, sent);
  }
}

export class VisitCases {
  /** Visits that were given up because too many waited. */
  givenUp = 0;
  private readonly cases = new Map<Visit, VisitCase>();
  /** Visits that are not settled. */
  private readonly unsettled = new Set<VisitCase>();
  /** The unsettled visits that may be given up, the one that has waited longest first. */
  private readonly expendable = new Set<VisitCase>();
  private retryTimer: NodeJS.Timeout | undefined;
  private readonly lookAgainTimers = new Set<NodeJS.Timeout>();
  private isStopping = false;

  constructor(
    private readonly settings: CaseSettings,
    private readonly edges: CaseEdges,
  ) {}

  /** Number of visits that wait for the register, the outbox or the directory. */
  get waiting(): number {
    return this.unsettled.size;
  }

  /** Whether the register or the outbox could not be reached for some of them. */
  isFailing(): boolean {
    return [...this.unsettled].some(({ state }) => state.kind === 'waiting' && state.waitsFor === 'retry');
  }

  recordOf(visit: Visit): VisitRecord | undefined {
    return this.cases.get(visit);
  }

  /** The tracker has news of a visit. */
  onActive(visit: Visit): void {
    this.edges.listeners.emit('onNews', visit);
    let visitCase = this.cases.get(visit);
    if (visitCase === undefined) {
      visitCase = new VisitCase(visit, this.settings);
      this.cases.set(visit, visitCase);
    }
    this.move(visitCase, NEWS);
  }

  /** The tracker has ended a visit. */
  onEnded(visit: Visit): void {
    const visitCase = this.cases.get(visit);
    if (visitCase !== undefined) this.move(visitCase, DEPARTED);
  }

  /** The tracker takes a device for a repeater. */
  onRepeater(mac: MacAddress): void {
    this.edges.listeners.emit('onRepeater', mac);
  }

  /** The directory was loaded for the first time: visits that were pending are decided. */
  directoryLoaded(): void {
    this.registerAgain([...this.unsettled]);
  }

  /** The directory has changed: unrecognised visits of devices that are somebody's by now are decided anew. */
  directoryRead(): void {
    const known = new Set<MacAddress>();
    for (const { visit, decision } of this.cases.values()) {
      if (decision?.kind !== 'unrecognised') continue;
      const { mac, hostname, kin } = visit;
      if (decide({ mac, hostname, kin }, this.edges.rules).kind === 'recognised') known.add(mac);
    }
    this.decideAnew(({ visit }) => known.has(visit.mac));
  }

  /**
   * The labels of these devices have changed: their visits are decided anew. So are visits that were reported: another label may have
   * come and gone before anybody here saw it, and delivery may have withdrawn a report because of it.
   */
  redecide(macs: ReadonlySet<MacAddress>): void {
    this.decideAnew(({ visit, settlement }) => macs.has(visit.mac) || settlement === 'reported');
  }

  private decideAnew(isStale: (visitCase: VisitCase) => boolean): void {
    const stale = [...this.cases.values()].filter(isStale);
    for (const visitCase of stale) visitCase.isStale = true;
    this.registerAgain(stale);
  }

  /** The hub has decided about the visit of `mac` that began at `startMs`, for the first time or anew. */
  decided(mac: MacAddress, startMs: number, decision: Decision): void {
    const { listeners } = this.edges;
    for (const visitCase of this.cases.values()) {
      if (visitCase.visit.mac !== mac || visitCase.startMs !== startMs) continue;
      const { emitted } = visitCase;
      visitCase.decision = decision;
      visitCase.emitted = decision;
      if (emitted?.kind === decision.kind && emitted.reason === decision.reason) return;
      if (emitted === null || emitted.kind === 'pending') listeners.emit('onDecision', visitCase);
      else listeners.emit('onDecidedAnew', visitCase, emitted);
      return;
    }
  }

  /** Returns the visits that are not settled. Before the clock is trusted, none of them is registered. */
  notSettled(): Visit[] {
    return [...this.unsettled].map(({ visit }) => visit);
  }

  /** The clock is trusted, and the times of visits are corrected. */
  clockTrusted(): void {
    this.registerAgain([...this.unsettled]);
  }

  /** Removes a device, also from what is said of others. Resolves when nothing about it is on its way to the register any more. */
  async forget(mac: MacAddress): Promise<void> {
    const under: Promise<void>[] = [];
    for (const visitCase of [...this.cases.values()]) {
      if (visitCase.decision?.hint?.kin === mac) visitCase.forgetHint();
      if (visitCase.visit.mac !== mac) continue;
      this.cases.delete(visitCase.visit);
      this.move(visitCase, { kind: 'dropped' });
      if (visitCase.registering !== null) under.push(visitCase.registering);
    }
    await Promise.all(under);
  }

  /**
   * Settles visits before the process ends, for at most 4 s. Pending visits would be forgotten, so they are reported. Delivery waits
   * for the directory, and asks it before it posts.
   */
  async settleRemaining(): Promise<void> {
    this.isStopping = true;
    for (const visitCase of [...this.unsettled]) {
      if (visitCase.state.kind === 'waiting') this.move(visitCase, { kind: 'news' });
    }
    const deadline = performance.now() + STOP_WITHIN_MS;
    const isBusy = ({ state }: VisitCase) =>
      state.kind === 'registering' || (state.kind === 'waiting' && state.waitsFor === 'retry');
    while ([...this.unsettled].some(isBusy) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    clearTimeout(this.retryTimer);
    for (const timer of this.lookAgainTimers) clearTimeout(timer);
  }

  private move(visitCase: VisitCase, event: CaseEvent): void {
    const { state, action } = step(visitCase.state, event);
    visitCase.state = state;
    switch (action) {
      case 'register':
        this.register(visitCase);
        return;
      case 'retry-later':
        this.keep(visitCase);
        this.retryTimer ??= setTimeout(() => this.retry(), RETRY_MS);
        return;
      case 'close':
        this.keep(visitCase);
        this.cases.delete(visitCase.visit);
        this.edges.listeners.emit('onEnded', visitCase);
        return;
      case 'nothing':
        this.keep(visitCase);
    }
  }

  /** Updates the sets after a change of state, and gives up the oldest visit when too many wait. */
  private keep(visitCase: VisitCase): void {
    const { unsettled, expendable } = this;
    if (isUnsettled(visitCase.state)) unsettled.add(visitCase);
    else unsettled.delete(visitCase);
    if (isExpendable(visitCase.state)) expendable.add(visitCase);
    else expendable.delete(visitCase);
    if (unsettled.size <= MAX_WAITING) return;
    const [oldest] = expendable;
    if (oldest !== undefined) this.giveUp(oldest);
  }

  private giveUp(visitCase: VisitCase): void {
    this.givenUp++;
    this.edges.listeners.emit('onGivenUp', visitCase);
    this.cases.delete(visitCase.visit);
    this.move(visitCase, { kind: 'dropped' });
    this.edges.listeners.emit('onEnded', visitCase);
  }

  private register(visitCase: VisitCase): void {
    const { register, isClockTrusted } = this.edges;
    // At a stop there is no time to wait for the clock.
    if (!isClockTrusted() && !this.isStopping) {
      this.move(visitCase, HELD);
      return;
    }
    const { mac, firstMs, lastMs } = visitCase.visit;
    const onRegistered = () => this.move(visitCase, { kind: 'registered', settlement: visitCase.settlement });
    const { isStale } = visitCase;
    visitCase.isStale = false;
    const onFailed = (error: unknown) => {
      visitCase.isStale ||= isStale;
      this.edges.listeners.emit('onTrouble', error);
      this.move(visitCase, { kind: 'failed' });
    };
    let done: Awaitable<void>;
    try {
      done = after(register.registerSightings(mac, firstMs, lastMs), (registered) =>
        this.settle(visitCase, registered, isStale),
      );
    } catch (error) {
      onFailed(error);
      return;
    }
    if (done instanceof Promise) {
      this.keep(visitCase);
      const registering = done.then(onRegistered, onFailed).finally(() => {
        if (visitCase.registering === registering) visitCase.registering = null;
      });
      visitCase.registering = registering;
    } else onRegistered();
  }

  private retry(): void {
    this.retryTimer = undefined;
    this.registerAgain(
      [...this.unsettled].filter(({ state }) => state.kind === 'waiting' && state.waitsFor === 'retry'),
    );
  }

  /**
   * If a device has several visits, they are registered one after the other, because the later depends on the earlier
   * (REPORT_AGAIN_AFTER).
   */
  private registerAgain(waiting: readonly VisitCase[]): void {
    const macs = new Set<MacAddress>();
    for (const visitCase of waiting) {
      const { visit, state } = visitCase;
      this.edges.update(visit);
      const isAnother = state.kind === 'waiting' && macs.has(visit.mac);
      this.move(visitCase, { kind: isAnother ? 'failed' : 'news' });
      macs.add(visit.mac);
    }
  }

  /** Decides about a visit that was just registered, and settles it. */
  private settle(visitCase: VisitCase, registered: RegisteredVisit, isStale: boolean): Awaitable<void> {
    visitCase.startMs ??= registered.startMs;
    return after(this.decideOnce(visitCase, registered, isStale), () => this.prove(visitCase, registered));
  }

  private decideOnce(visitCase: VisitCase, registered: RegisteredVisit, isStale: boolean): Awaitable<void> {
    const { settlement } = visitCase;
    if (settlement === null) return this.decideNow(visitCase, registered, isStale);
    if (registered.settlement !== null) return isStale ? this.decideNow(visitCase, registered, true) : undefined;
    return after(this.settleAgain(visitCase, registered.startMs, settlement), () =>
      isStale ? this.decideNow(visitCase, { ...registered, settlement }, true) : undefined,
    );
  }

  private decideNow(visitCase: VisitCase, registered: RegisteredVisit, isStale: boolean): Awaitable<void> {
    const { visit, emitted } = visitCase;
    const { register, rules, listeners } = this.edges;
    const decision = decide({ mac: visit.mac, hostname: visit.hostname, kin: visit.kin }, rules);
    const isNew = emitted?.kind !== decision.kind;
    const emitDecision = (isFirst: boolean) => {
      visitCase.emitted = decision;
      if (isStale && emitted !== null && emitted.kind !== 'pending')
        listeners.emit('onDecidedAnew', visitCase, emitted);
      else if (isFirst) listeners.emit('onDecision', visitCase);
    };
    visitCase.decision = decision;
    // The visit was settled by a label that is removed by now.
    const isUnlabelled = registered.settlement === 'labelled' && decision.label === undefined;
    if (registered.settlement !== null && !isUnlabelled) {
      // The visit is settled already, by another sensor, or by this one before a restart or a change of the label.
      visitCase.settlement = registered.settlement;
      return after(this.restore(visitCase, registered, isStale), () => emitDecision(isNew));
    }
    const { reportAgainAfterMs, decidedByHub } = this.settings;
    const arePendingReported = this.isStopping || decidedByHub === true;
    const settlement = settlementOf(decision, registered, { reportAgainAfterMs, arePendingReported });
    if (settlement === null) {
      // There is no directory yet, so the visit is not settled (any more, if a label had settled it).
      visitCase.settlement = null;
      emitDecision(isNew);
      return;
    }
    visitCase.reported =
      settlement === 'reported' ? reportedFacts(visit, registered.startMs, decision, this.settings.hintOwners) : null;
    visitCase.isProven = settlement === 'reported' && hasProvenItself(visit);
    return after(this.enqueue(visitCase, registered.isOlderThanKept), () =>
      after(register.settleVisit(visit.mac, registered.startMs, settlement), () => {
        visitCase.settlement = settlement;
        return after(this.restore(visitCase, registered, isStale), () => emitDecision(true));
      }),
    );
  }

  /**
   * Delivery withdraws the report of a device that was labelled (or registered) while it waited. If the device is unrecognised again,
   * the report is restored.
   */
  private restore(visitCase: VisitCase, registered: RegisteredVisit, isStale: boolean): Awaitable<void> {
    const { outbox } = this.edges;
    const { settlement, decision, visit } = visitCase;
    if (outbox?.restore === undefined) return;
    const restoreReport = (startMs: number): Awaitable<void> =>
      after(outbox.restore?.(visitId(this.settings.businessId, visit.mac, startMs)) ?? 'none', (restored) => {
        if (restored === 'busy' && isStale) this.lookAgain(visit.mac);
      });
    const [first, second] = restorable(decision, settlement, registered);
    if (first === undefined) return;
    const restored = restoreReport(first);
    return second === undefined ? restored : after(restored, () => restoreReport(second));
  }

  /**
   * Tells the outbox when the device has proved itself after its report went there: by what it showed since, or by coming back for a
   * visit that is not reported again (REPORT_AGAIN_AFTER). Whichever sensor sees that first.
   */
  private prove(visitCase: VisitCase, { startMs, lastReportedMs }: RegisteredVisit): Awaitable<void> {
    const { outbox } = this.edges;
    const { settlement, visit, isProven } = visitCase;
    if (outbox?.prove === undefined || isProven) return;
    const isReturn = settlement === 'spaced' && lastReportedMs !== null;
    if (!isReturn && !(settlement === 'reported' && hasProvenItself(visit))) return;
    const { businessId } = this.settings;
    const id = visitId(businessId, visit.mac, isReturn ? lastReportedMs : startMs);
    return after(outbox.prove(id, businessId), (proved) => {
      visitCase.isProven = proved === 'done';
    });
  }

  /** The report is being delivered, and may just be withdrawn because of a label that is removed by now. So this is tried again. */
  private lookAgain(mac: MacAddress): void {
    const timer = setTimeout(() => {
      this.lookAgainTimers.delete(timer);
      this.decideAnew(({ visit }) => visit.mac === mac);
    }, LOOK_AGAIN_MS);
    this.lookAgainTimers.add(timer);
  }

  /**
   * The register has lost the settlement of a visit: Redis came back empty, or with older data. The visit is settled again, so that
   * no other sensor reports it. The report may be lost as well, so it is enqueued again, marked as sent: delivery then searches for
   * it before it posts.
   */
  private settleAgain(visitCase: VisitCase, startMs: number, settlement: Settlement): Awaitable<void> {
    return after(this.enqueue(visitCase, true), () =>
      this.edges.register.settleVisit(visitCase.visit.mac, startMs, settlement),
    );
  }

  private enqueue(visitCase: VisitCase, sent: boolean): Awaitable<void> {
    const { outbox } = this.edges;
    if (outbox === null) return;
    const report = visitCase.reportWith(sent);
    return report === null ? undefined : outbox.enqueue(report);
  }
}
