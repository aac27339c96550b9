// Wires the stages: capture -> decode -> visits -> devices -> outbox. The same for live interfaces, replays and tests,
// because everything that touches the world comes in as an argument.

import { formatIpv4 } from '../addresses/ip-address.js';
import type { MacAddress } from '../addresses/mac-address.js';
import type { FrameSource } from '../capture/frame-source.js';
import { decodeFrame } from '../decode/frame.js';
import type { LinkType } from '../decode/link-layer.js';
import { Announcement, type Malformed, Sighting } from '../decode/sighting.js';
import { type Decision, type DecisionRules, decide } from '../devices/decision.js';
import type { DirectoryView, Owner } from '../devices/directory/directory.js';
import type { Equipment } from '../devices/equipment.js';
import type { IgnoreRules } from '../devices/ignore-rules.js';
import { isRandomised, vendorOf } from '../devices/vendor.js';
import { type CheckinReport, type FailedCheckin, failedCheckinBody } from '../nexudus/failed-checkin.js';
import type { Outbox, OutboxEntry } from '../outbox/outbox.js';
import type { FloodGuard } from '../visits/flood-guard.js';
import {
  type Awaitable,
  after,
  type RegisteredVisit,
  type Settlement,
  type VisitRegister,
  visitId,
} from '../visits/register/visit-register.js';
import type { Visit } from '../visits/visit.js';
import { VisitTracker } from '../visits/visit-tracker.js';

/** After the register or the outbox failed, a visit is tried again this much later. */
const RETRY_MS = 2_000;
/** Visits that wait for a register, an outbox or a directory; past this the oldest that is over is given up, and counted. */
const MOST_WAITING = 10_000;
const STOP_WITHIN_MS = 4_000;

/** In a replay no other sensor asks the register, which need not hear every half minute that a device is still there. */
const REPLAY_HOLD_MS = 6 * 3_600_000;

/**
 * Live, gaps and delays run on a clock that never jumps, and new devices must pass the guard; in a replay time is the
 * capture's own, and everything in it is wanted.
 */
export type Time =
  | { readonly kind: 'live'; readonly steadyMs: () => number; readonly guard: FloodGuard }
  | { readonly kind: 'replay' };

export interface PipelineSettings {
  readonly businessId: number;
  readonly gapMs: number;
  readonly settleMs: number;
  readonly reportAgainAfterMs: number;
  readonly ignore: IgnoreRules;
  readonly reportInactive: boolean;
  readonly timeZone: string | null;
}

/** What became of a visit so far. */
export interface VisitRecord {
  readonly visit: Visit;
  /** Null until the visit is in the register. */
  startMs: number | null;
  decision: Decision | null;
  settlement: Settlement | null;
  /** The body of the failed check-in that this sensor made; made anew each time that it is asked for. */
  readonly checkin: FailedCheckin | null;
}

/** Hears what the pipeline does, for logs, metrics and output. Every call is synchronous and must not throw. */
export interface PipelineListener {
  /** `sighting` is reused: copy what you keep. */
  onSighting?(sighting: Readonly<Sighting>, eventMs: number): void;
  /** The news of a visit go on to the register: a burst has settled, a fact was added, or the device is still here. */
  onNews?(visit: Visit): void;
  onDecision?(report: VisitRecord): void;
  onEnded?(report: VisitRecord): void;
  /** The register or the outbox failed; the visit will be tried again. */
  onTrouble?(error: unknown): void;
  /** A visit was given up because too many wait. */
  onGivenUp?(report: VisitRecord): void;
  /** A frame could not be decoded. May be called for every frame of an attack. */
  onMalformed?(counts: FrameCounts): void;
  /** A device is to be forgotten. */
  onForget?(mac: MacAddress): void;
  /** A new device was not let in, see FloodGuard. May be called a million times a minute. */
  onHeldBack?(guard: FloodGuard): void;
}

export interface PipelineEdges {
  readonly source: FrameSource;
  readonly time: Time;
  readonly directory: DirectoryView;
  readonly equipment: Equipment;
  readonly register: VisitRegister;
  /** Null when nothing is to be posted. */
  readonly outbox: Pick<Outbox, 'add'> | null;
  readonly listener: PipelineListener;
}

export interface FrameCounts {
  frames: number;
  sightings: number;
  malformed: number;
  readonly malformedBy: Map<Malformed, number>;
  givenUp: number;
}

export interface Monitor {
  readonly counts: FrameCounts;
  readonly tracker: VisitTracker;
  /** Resolves when the source has ended and every visit was handed over (live: at most 4 s after `stop`). */
  readonly finished: Promise<void>;
  /** How many visits wait for the register, the outbox or the directory. */
  waiting(): number;
  /** Whether the register or the outbox could not be reached for some of them. */
  isFailing(): boolean;
  reportOf(visit: Visit): VisitRecord | undefined;
  /** Drops what is known of a device, news that are not handed over included. */
  forget(mac: MacAddress): void;
  /** The directory was loaded for the first time: visits that were pending are decided. */
  directoryLoaded(): void;
  stop(): void;
}

/** What was known of the device when the visit was reported, beside what its MAC tells. */
type Told = Pick<CheckinReport, 'startMs' | 'hostname' | 'via'> & {
  /** 0 when unknown, and then an IPv6 address if there is one. */
  readonly ipv4: number;
  readonly ipv6: string | null;
  /** Who registered the device, although it is reported. */
  readonly owner: Owner | null;
};

function tell({ hostname, ipv4s, ipv6s, via }: Visit, startMs: number, { owner }: Decision): Told {
  const ipv4 = ipv4s.at(-1) ?? 0;
  // A link-local address leads nobody to the device.
  const ipv6 = ipv4 === 0 ? (ipv6s.findLast((ip) => !ip.startsWith('fe80')) ?? null) : null;
  return { startMs, hostname, ipv4, ipv6, via, owner };
}

/** A report with what the monitor needs to work on it. */
class Case implements VisitRecord {
  startMs: number | null = null;
  decision: Decision | null = null;
  settlement: Settlement | null = null;
  /** Null until this sensor reports the visit. Much smaller than the body that is made of it. */
  told: Told | null = null;
  /** The register or the outbox is being asked. */
  busy = false;
  /** News came meanwhile. */
  again = false;
  /** The register or the outbox could not be reached. */
  failed = false;
  /** The visit is over. */
  ended = false;

  constructor(
    readonly visit: Visit,
    private readonly settings: PipelineSettings,
  ) {}

  get checkin(): FailedCheckin | null {
    return this.told === null ? null : this.checkinOf(this.told);
  }

  /** What goes to the outbox; null when this sensor does not report the visit. `sent`: it may be in Nexudus already. */
  entry(sent: boolean): OutboxEntry | null {
    const { told, visit } = this;
    if (told === null) return null;
    const id = visitId(this.settings.businessId, visit.mac, told.startMs);
    const { ipv4, hostname } = told;
    return { id, mac: visit.mac, ipv4, hostname, checkin: this.checkinOf(told), sent };
  }

  private checkinOf(told: Told): FailedCheckin {
    const { businessId, timeZone } = this.settings;
    const { mac } = this.visit;
    const { startMs, hostname, ipv4, ipv6, via, owner } = told;
    const about = {
      businessId,
      mac,
      startMs,
      vendor: vendorOf(mac),
      randomised: isRandomised(mac),
      hostname,
      ip: ipv4 === 0 ? ipv6 : formatIpv4(ipv4),
      via,
    };
    if (owner?.kind !== 'coworker') return failedCheckinBody(about, timeZone);
    const inactive = { coworkerId: owner.id, name: owner.name, reason: `account ${owner.status}` };
    return failedCheckinBody({ ...about, inactive }, timeZone);
  }
}

/** Starts the pipeline. Errors of the source reject `finished`. */
export function runPipeline(settings: PipelineSettings, edges: PipelineEdges): Monitor {
  const { source, time, register, outbox, listener } = edges;
  const rules: DecisionRules = { ...settings, ...edges };
  const counts: FrameCounts = { frames: 0, sightings: 0, malformed: 0, malformedBy: new Map(), givenUp: 0 };
  const sighting = new Sighting();
  const announcement = new Announcement();
  const cases = new Map<Visit, Case>();
  /** Cases that are not settled yet although they came to the register once. */
  const unsettled = new Set<Case>();
  /** Those of them that are over and idle: what can be given up, oldest first. */
  const expendable = new Set<Case>();
  let timer: NodeJS.Timeout | undefined;
  let retryTimer: NodeJS.Timeout | undefined;
  let timerMs = Number.POSITIVE_INFINITY;
  let latestMs = Number.NEGATIVE_INFINITY;
  let isStopping = false;

  const tracker = new VisitTracker(
    {
      gapMs: settings.gapMs,
      settleMs: settings.settleMs,
      ...(time.kind === 'replay' ? { holdMs: REPLAY_HOLD_MS } : {}),
    },
    {
      onActive(visit) {
        listener.onNews?.(visit);
        let one = cases.get(visit);
        if (one === undefined) {
          one = new Case(visit, settings);
          cases.set(visit, one);
        }
        if (one.busy) one.again = true;
        else enter(one);
      },
      onEnded(visit) {
        const one = cases.get(visit);
        if (one === undefined) return;
        one.ended = true;
        if (!one.busy) rest(one);
      },
    },
  );

  /** What to do with a case that is over and that nobody works on. */
  function rest(one: Case): void {
    if (unsettled.has(one)) expendable.add(one);
    else close(one);
  }

  function close(one: Case): void {
    cases.delete(one.visit);
    listener.onEnded?.(one);
  }

  /** Enters a visit's news in the register, and decides about it when nobody has. */
  function enter(one: Case): void {
    one.busy = true;
    one.again = false;
    one.failed = false;
    expendable.delete(one);
    try {
      const { mac, firstMs, lastMs } = one.visit;
      const done = after(register.sight(mac, firstMs, lastMs), (registered) => settle(one, registered));
      if (done instanceof Promise) {
        wait(one);
        done.then(
          () => leave(one),
          (error: unknown) => fail(one, error),
        );
      } else leave(one);
    } catch (error) {
      fail(one, error);
    }
  }

  function leave(one: Case): void {
    one.busy = false;
    if (one.settlement !== null) unsettled.delete(one);
    if (one.again) enter(one);
    else if (one.ended) rest(one);
  }

  function fail(one: Case, error: unknown): void {
    one.busy = false;
    wait(one);
    if (one.ended) rest(one);
    listener.onTrouble?.(error);
    retry(one);
  }

  function retry(one: Case): void {
    one.failed = true;
    retryTimer ??= setTimeout(() => {
      retryTimer = undefined;
      enterAgain([...unsettled].filter(({ failed }) => failed));
    }, RETRY_MS);
  }

  /** Of one device only one visit at a time, so that the later one knows what became of the earlier (REPORT_AGAIN_AFTER). */
  function enterAgain(waiting: readonly Case[]): void {
    const macs = new Set<MacAddress>();
    for (const one of waiting) {
      tracker.update(one.visit);
      if (one.busy) one.again = true;
      else if (macs.has(one.visit.mac)) retry(one);
      else enter(one);
      macs.add(one.visit.mac);
    }
  }

  /** Keeps a case that is not settled, within bounds: those whose device is still there are never given up. */
  function wait(one: Case): void {
    unsettled.add(one);
    const [oldest] = expendable;
    if (unsettled.size <= MOST_WAITING || oldest === undefined) return;
    expendable.delete(oldest);
    unsettled.delete(oldest);
    counts.givenUp++;
    listener.onGivenUp?.(oldest);
    close(oldest);
  }

  function settle(one: Case, registered: RegisteredVisit): Awaitable<void> {
    const { visit } = one;
    one.startMs ??= registered.startMs;
    if (one.settlement !== null) {
      return registered.settlement === null ? settleAgain(one, registered.startMs, one.settlement) : undefined;
    }
    const decision = decide({ mac: visit.mac, hostname: visit.hostname, kin: visit.kin }, rules);
    const isNew = one.decision?.kind !== decision.kind;
    one.decision = decision;
    if (registered.settlement !== null) {
      // Another sensor, or this one before a restart, has settled it: nothing to do but to know.
      one.settlement = registered.settlement;
      if (isNew) listener.onDecision?.(one);
      return;
    }
    if (decision.kind === 'pending' && !isStopping) {
      wait(one);
      if (isNew) listener.onDecision?.(one);
      return;
    }
    const settlement = settlementOf(decision, registered);
    one.told = settlement === 'reported' ? tell(visit, registered.startMs, decision) : null;
    return after(hand(one, false), () =>
      after(register.settle(visit.mac, registered.startMs, settlement), () => {
        one.settlement = settlement;
        listener.onDecision?.(one);
      }),
    );
  }

  /**
   * The register lost what became of a visit: Redis came back empty, or with less than it had. Told again, no other sensor reports it;
   * and the failed check-in may have been lost as well. Marked as sent, it is searched for before it is posted.
   */
  function settleAgain(one: Case, startMs: number, settlement: Settlement): Awaitable<void> {
    return after(hand(one, true), () => register.settle(one.visit.mac, startMs, settlement));
  }

  /** Hands the failed check-in to the outbox, if there is one. */
  function hand(one: Case, sent: boolean): Awaitable<void> {
    if (outbox === null) return;
    const entry = one.entry(sent);
    return entry === null ? undefined : outbox.add(entry);
  }

  function settlementOf(decision: Decision, { startMs, lastReportedMs }: RegisteredVisit): Settlement {
    if (decision.kind === 'ignored' || decision.kind === 'recognised') return decision.kind;
    const isTooSoon = lastReportedMs !== null && Math.abs(startMs - lastReportedMs) < settings.reportAgainAfterMs;
    return isTooSoon ? 'spaced' : 'reported';
  }

  function onFrame(frame: Buffer, length: number, eventMs: number, linkType: LinkType): void {
    counts.frames++;
    const verdict = decodeFrame(frame, length, linkType, sighting, announcement);
    const steadyMs = time.kind === 'live' ? time.steadyMs() : eventMs;
    if (time.kind === 'replay') {
      // A capture that goes back in time by more than a gap is another recording: what was open is over.
      if (eventMs < latestMs - settings.gapMs) tracker.flush();
      latestMs = eventMs;
    }
    // What was due before this frame must not be coloured by it.
    tracker.advance(steadyMs);
    // First, so that a device without a settle time is decided about with what its own frame says.
    if (verdict === 'sighting' || verdict === 'other') edges.equipment.learn(announcement, steadyMs);
    if (verdict === 'sighting') {
      counts.sightings++;
      tracker.attribute(sighting, steadyMs);
      listener.onSighting?.(sighting, eventMs);
      if (isLetIn(sighting.mac, steadyMs)) tracker.observe(sighting, eventMs, steadyMs);
    } else if (verdict !== 'other') {
      counts.malformed++;
      counts.malformedBy.set(verdict, (counts.malformedBy.get(verdict) ?? 0) + 1);
      listener.onMalformed?.(counts);
      return;
    }
    tracker.advance(steadyMs);
    if (time.kind === 'live' && tracker.nextDueMs < timerMs) schedule(time.steadyMs);
  }

  /** Devices in a visit and known devices go on in any flood. */
  function isLetIn(mac: MacAddress, steadyMs: number): boolean {
    if (time.kind === 'replay' || tracker.has(mac) || edges.directory.lookup(mac) !== null) return true;
    if (time.guard.admits(steadyMs, tracker.size)) return true;
    listener.onHeldBack?.(time.guard);
    return false;
  }

  function schedule(steadyMs: () => number): void {
    clearTimeout(timer);
    timerMs = tracker.nextDueMs;
    if (timerMs === Number.POSITIVE_INFINITY) return;
    timer = setTimeout(
      () => {
        tracker.advance(steadyMs());
        schedule(steadyMs);
      },
      Math.max(1, Math.ceil(timerMs - steadyMs())),
    );
  }

  async function run(): Promise<void> {
    await source.run(onFrame);
    clearTimeout(timer);
    if (time.kind === 'replay') {
      tracker.flush();
      return;
    }
    // What is pending would be forgotten. The outbox asks the directory again before it posts, and waits until there is one.
    isStopping = true;
    tracker.settleAll();
    for (const one of [...unsettled]) if (!one.busy) enter(one);
    const deadline = performance.now() + STOP_WITHIN_MS;
    while ([...unsettled].some((one) => one.busy || one.failed) && performance.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    clearTimeout(retryTimer);
  }

  return {
    counts,
    tracker,
    finished: run(),
    waiting: () => unsettled.size,
    isFailing: () => [...unsettled].some(({ failed }) => failed),
    reportOf: (visit) => cases.get(visit),
    forget(mac) {
      tracker.forget(mac);
      for (const one of [...cases.values()]) {
        if (one.visit.mac !== mac) continue;
        cases.delete(one.visit);
        unsettled.delete(one);
        expendable.delete(one);
      }
      listener.onForget?.(mac);
    },
    directoryLoaded() {
      enterAgain([...unsettled]);
    },
    stop: () => source.stop(),
  };
}
