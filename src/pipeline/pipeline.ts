// Wires the stages: capture -> decode -> visits -> devices -> outbox. It is the same for live interfaces, replays and tests, because
// the source, the register and the outbox come in as arguments.
import type { MacAddress } from '../addresses/mac-address.js';
import type { FrameHandler, FrameSource, KeepAliveHandler } from '../capture/frame-source.js';
import type { Probe } from '../capture/probe.js';
import type { Decision } from '../devices/decision.js';
import type { DirectoryView } from '../devices/directory/directory.js';
import type { Equipment } from '../devices/equipment.js';
import type { IgnoreRules } from '../devices/ignore-rules.js';
import type { LabelView } from '../devices/labels.js';
import type { VisitRegister } from '../visits/register/visit-register.js';
import { SilentDevices } from '../visits/silent-devices.js';
import type { Visit } from '../visits/visit.js';
import { VisitTracker } from '../visits/visit-tracker.js';
import type { FrameCounts } from './frame-counts.js';
import { frameHandlers, type LiveTime, type PipelineTime } from './frames.js';
import type { Listeners } from './listeners.js';
import { Probing } from './probing.js';
import type { VisitRecord } from './record.js';
import { type OutboxEntrance, VisitCases } from './visit-cases.js';

/** In a replay no other sensor uses the register, so a device that stays need not be registered every half minute. */
const REPLAY_HOLD_MS = 6 * 3_600_000;

export interface PipelineSettings {
  readonly businessId: number;
  readonly gapMs: number;
  readonly settleMs: number;
  readonly reportAgainAfterMs: number;
  /** Whether keep-alives prolong visits (CAPTURE_KEEP_ALIVES). */
  readonly keepAlives: boolean;
  readonly ignore: IgnoreRules;
  readonly reportInactive: boolean;
  readonly hintOwners: boolean;
  readonly timeZone: string | null;
  /** Visits are handed over to a hub, which decides about them. */
  readonly decidedByHub?: boolean;
}

export interface PipelineEdges {
  readonly source: FrameSource;
  /** Asks one device whether it is still here, and returns whether it could. Left out: nobody is asked. Never called in a replay. */
  readonly probe?: (probe: Probe) => boolean;
  readonly time: PipelineTime;
  readonly directory: DirectoryView;
  readonly equipment: Equipment;
  /** Left out in a replay, where no device can be labelled. */
  readonly labels?: LabelView;
  readonly register: VisitRegister;
  /** Null when nothing is to be posted. */
  readonly outbox: OutboxEntrance | null;
  /** Must be complete: a listener that is added later is not called for sightings. */
  readonly listeners: Listeners;
}

export interface Pipeline {
  readonly counts: Readonly<FrameCounts>;
  readonly tracker: VisitTracker;
  /** Resolves when the source has ended and every visit was settled (live: at most 4 s after `stop`). */
  readonly finished: Promise<void>;
  /** How many visits wait for the register, the outbox or the directory. */
  waiting(): number;
  /** Whether the register or the outbox could not be reached for some of them. */
  isFailing(): boolean;
  /** How many visits were given up because too many waited. */
  givenUp(): number;
  /** Undefined until the first burst of the visit has gone quiet. */
  recordOf(visit: Visit): VisitRecord | undefined;
  /** Removes everything about a device, with news that is not registered yet. Resolves when none of it is on its way any more. */
  forget(mac: MacAddress): Promise<void>;
  /** The labels of these devices have changed: open visits are decided anew. */
  redecide(macs: ReadonlySet<MacAddress>): void;
  /** The hub has decided about the visit of `mac` that began at `startMs`. */
  decided(mac: MacAddress, startMs: number, decision: Decision): void;
  /** The directory was loaded for the first time: visits that were pending are decided. */
  directoryLoaded(): void;
  /** The directory has changed: open visits of devices that somebody has registered meanwhile are decided anew. */
  directoryRead(): void;
  /** The clock is trusted from now on. Event times so far are too early by `shiftMs`. Visits that waited for the clock are decided. */
  clockTrusted(shiftMs: number): void;
  stop(): void;
}

/** Starts the pipeline. Errors of the source reject `finished`. */
export function runPipeline(settings: PipelineSettings, edges: PipelineEdges): Pipeline {
  const { source, time, register, outbox, listeners, directory, equipment, labels } = edges;
  const { gapMs, settleMs } = settings;
  const counts: FrameCounts = { frames: 0, sightings: 0, keepAlives: 0, malformed: 0, malformedBy: new Map() };
  const { ignore, reportInactive, decidedByHub = false } = settings;
  const rules = {
    decidedByHub,
    ignore,
    reportInactive,
    directory,
    equipment,
    ...(labels === undefined ? {} : { labels }),
  };
  const cases = new VisitCases(settings, {
    rules,
    register,
    outbox,
    listeners,
    isClockTrusted: () => time.kind === 'replay' || time.clock?.isTrusted !== false,
    update: (visit) => tracker.update(visit),
  });
  const tracker = new VisitTracker(
    { gapMs, settleMs, ...(time.kind === 'replay' ? { holdMs: REPLAY_HOLD_MS } : {}) },
    cases,
  );
  const handlers = frameHandlers({ time, gapMs, tracker, directory, equipment, listeners }, counts);
  const { onFrame } = handlers;
  const onKeepAlive = settings.keepAlives ? handlers.onKeepAlive : undefined;

  async function replay(): Promise<void> {
    await source.run(onFrame, onKeepAlive);
    tracker.flush();
  }

  async function live({ steadyMs, guard }: LiveTime): Promise<void> {
    const silent = new SilentDevices(gapMs, tracker, (visit) => cases.recordOf(visit)?.decision?.kind !== 'ignored');
    const probing = edges.probe === undefined ? null : new Probing({ silent, guard, steadyMs, probe: edges.probe });
    probing?.start();
    await runLive(source, { onFrame, onKeepAlive }, tracker, steadyMs);
    probing?.stop();
    tracker.forwardAll();
    await cases.settleRemaining();
  }

  return {
    counts,
    tracker,
    finished: time.kind === 'replay' ? replay() : live(time),
    waiting: () => cases.waiting,
    isFailing: () => cases.isFailing(),
    givenUp: () => cases.givenUp,
    recordOf: (visit) => cases.recordOf(visit),
    async forget(mac) {
      tracker.forget(mac);
      equipment.forget(mac);
      listeners.emit('onForget', mac);
      await cases.forget(mac);
    },
    redecide: (macs) => cases.redecide(macs),
    decided: (mac, startMs, decision) => cases.decided(mac, startMs, decision),
    directoryLoaded: () => cases.directoryLoaded(),
    directoryRead: () => cases.directoryRead(),
    clockTrusted(shiftMs) {
      tracker.shiftTimes(shiftMs, cases.notSettled());
      cases.clockTrusted();
    },
    stop: () => source.stop(),
  };
}

/** Runs a live source to its end. Between frames a timer advances the tracker. */
async function runLive(
  source: FrameSource,
  { onFrame, onKeepAlive }: { readonly onFrame: FrameHandler; readonly onKeepAlive: KeepAliveHandler | undefined },
  tracker: VisitTracker,
  steadyMs: () => number,
): Promise<void> {
  const timer = new TrackerTimer(tracker, steadyMs);
  await source.run(
    (frame, length, eventMs, linkType, heardOn) => {
      onFrame(frame, length, eventMs, linkType, heardOn);
      timer.schedule();
    },
    onKeepAlive === undefined
      ? undefined
      : (mac, eventMs) => {
          onKeepAlive(mac, eventMs);
          timer.schedule();
        },
  );
  timer.stop();
}

/** Advances the tracker when something is due and no frame comes. */
class TrackerTimer {
  private timer: NodeJS.Timeout | undefined;
  private timerMs = Number.POSITIVE_INFINITY;

  constructor(
    private readonly tracker: VisitTracker,
    private readonly steadyMs: () => number,
  ) {}

  /** To be called whenever something may have become due earlier. */
  schedule(): void {
    const { nextDueMs } = this.tracker;
    if (nextDueMs >= this.timerMs) return;
    clearTimeout(this.timer);
    this.timerMs = nextDueMs;
    this.timer = setTimeout(() => this.onDue(), Math.max(1, Math.ceil(nextDueMs - this.steadyMs())));
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private onDue(): void {
    this.tracker.advance(this.steadyMs());
    this.timerMs = Number.POSITIVE_INFINITY;
    this.schedule();
  }
}
