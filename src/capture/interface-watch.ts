// Keeps captures running on interfaces that come and go. libpcap says nothing when a link goes down or an interface is
// deleted, and stays silent for ever afterwards: so the interfaces are looked at once a second, and captures opened anew.
import type { FrameHandler, FrameSource, KeepAliveHandler } from './frame-source.js';
import {
  CaptureError,
  type CaptureStats,
  captureLive,
  freeClosedCaptures,
  type LiveCapture,
  type LiveCaptureOptions,
} from './live-interface.js';
import { captureKeepAlives } from './live-keep-alives.js';
import { type NetworkInterface, readDrops, readInterface } from './network-interfaces.js';

const LOOK_EVERY_MS = 1_000;
/** Captures of deleted interfaces that pcap cannot free, some 2 MB each: past this many a new process is the only cure. */
const MAX_UNFREED = 64;

/** How one interface is doing. */
export interface InterfaceState {
  readonly name: string;
  /** Whether frames can arrive. */
  state: 'capturing' | 'no-link' | 'down' | 'missing' | 'failed';
  /** In words, for people; null while all is well. */
  reason: string | null;
  /** Since when it is in this state, steady time (performance.now). */
  sinceMs: number;
  /** Neither a frame nor a keep-alive for longer than the silence alarm although the link is up. */
  isSilent: boolean;
  /** Steady time of the latest frame or (to a second) keep-alive, null when none ever arrived. */
  lastFrameMs: number | null;
  /** Frames that passed the filter; this and the rest since the monitor started, over all openings. */
  frames: number;
  /** Broadcast and multicast frames that cannot hold a sighting, where they are listened to. They have a capture of their own. */
  keepAlives: number;
  /** Lost because we were too slow, as libpcap counts them. */
  droppedByKernel: number;
  /** Lost by the interface or its driver. */
  droppedByInterface: number;
  /** How often capturing was interrupted in a flood so that others had their turn. */
  brokenOff: number;
  /** Keep-alives lost because we were too slow. This and the next do no harm: devices send more of them. */
  droppedKeepAlives: number;
  /** How often the capture of keep-alives was interrupted. */
  brokenOffKeepAlives: number;
  /** Why keep-alives cannot be captured although frames can, in words; null otherwise. Tried again once a second. */
  keepAliveFailure: string | null;
  /** How often the capture was opened anew because the interface went away or down. */
  reopened: number;
}

interface Watched {
  readonly status: InterfaceState;
  capture: LiveCapture | null;
  openedIndex: number;
  /** Null also where there are no keep-alives: on links without addresses, and when nobody listens to them. */
  keepAliveCapture: LiveCapture | null;
  /** What the open captures and the interface had counted when they were last asked. */
  counted: CaptureStats;
  countedKeepAlives: CaptureStats;
  heardKeepAlives: number;
  /** Whether somebody was told that keep-alives cannot be captured, and not yet that they can again. */
  isKeepAliveFailureTold: boolean;
  interfaceDrops: number;
}

interface Handlers {
  readonly onFrame: FrameHandler;
  readonly onKeepAlive: KeepAliveHandler | undefined;
}

const NOTHING: CaptureStats = { received: 0, dropped: 0, brokenOff: 0 };

export interface InterfaceWatchOptions extends LiveCaptureOptions {
  /** No frame for this long while the link is up is an alarm, ms; 0 for never. */
  readonly silenceAlarmMs: number;
  /** Hears of every change of an interface's state, once. `before` is null at the start. */
  readonly onChange: (status: Readonly<InterfaceState>, before: InterfaceState['state'] | null) => void;
  /** An interface fell silent (`isSilent`), or a frame ended the silence. */
  readonly onSilence: (status: Readonly<InterfaceState>) => void;
  /** Keep-alives cannot be captured although frames can (`keepAliveFailure`), or can be again. Each is told once. */
  readonly onKeepAliveFailure: (status: Readonly<InterfaceState>) => void;
  /** Frames (not keep-alives) were lost, or capturing was broken off, since the last look. */
  readonly onLoss: (status: Readonly<InterfaceState>) => void;
}

/** Frames, and how the interfaces they come from are doing. */
export interface WatchedSource extends FrameSource {
  /** As of the latest look, at most a second ago. */
  states(): readonly Readonly<InterfaceState>[];
}

/** Frames from several live interfaces, whatever happens to them. */
export class InterfaceWatch implements WatchedSource {
  private readonly watched: Watched[];
  private timer: NodeJS.Timeout | undefined;
  private finish: (() => void) | undefined;

  constructor(
    names: readonly string[],
    private readonly options: InterfaceWatchOptions,
  ) {
    this.watched = names.map((name) => ({
      status: {
        name,
        state: 'missing',
        reason: null,
        sinceMs: performance.now(),
        isSilent: false,
        lastFrameMs: null,
        frames: 0,
        keepAlives: 0,
        droppedByKernel: 0,
        droppedByInterface: 0,
        brokenOff: 0,
        droppedKeepAlives: 0,
        brokenOffKeepAlives: 0,
        keepAliveFailure: null,
        reopened: -1,
      },
      capture: null,
      keepAliveCapture: null,
      openedIndex: 0,
      counted: NOTHING,
      countedKeepAlives: NOTHING,
      heardKeepAlives: 0,
      isKeepAliveFailureTold: false,
      interfaceDrops: 0,
    }));
  }

  /**
   * Resolves after `stop`. Rejects with a CaptureError that no waiting can mend: no permission; at the start also an
   * unsupported link type. With `onKeepAlive` each interface is opened twice.
   */
  run(onFrame: FrameHandler, onKeepAlive?: KeepAliveHandler): Promise<void> {
    const handlers = { onFrame, onKeepAlive };
    return new Promise((resolve, reject) => {
      this.finish = resolve;
      const look = (isFirst: boolean) => {
        try {
          for (const one of this.watched) this.look(one, handlers, isFirst);
          if (freeClosedCaptures() > MAX_UNFREED) {
            throw new CaptureError(
              'failed',
              'interfaces were deleted too often; only a new process can free what is left',
            );
          }
        } catch (error) {
          this.finish = undefined;
          this.stop();
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      };
      look(true);
      // Not when it was stopped, or refused, on the way.
      if (this.finish !== undefined) this.timer = setInterval(look, LOOK_EVERY_MS, false);
    });
  }

  stop(): void {
    clearInterval(this.timer);
    for (const one of this.watched) this.close(one);
    this.finish?.();
    this.finish = undefined;
  }

  states(): readonly Readonly<InterfaceState>[] {
    return this.watched.map(({ status }) => status);
  }

  private look(one: Watched, handlers: Handlers, isFirst: boolean): void {
    const seen = readInterface(one.status.name);
    this.count(one, seen);
    const isStillGood = seen?.isUp === true && seen.index === one.openedIndex && one.capture?.isAlive === true;
    if (one.capture !== null && !isStillGood) {
      this.close(one);
      if (seen?.isUp) this.become(one, 'down', 'the interface was down or made anew between two looks', false);
    }
    if (seen === null) this.become(one, 'missing', 'there is no such interface; waiting for it', isFirst);
    else if (!seen.isUp) this.become(one, 'down', 'the interface is down; waiting for it', isFirst);
    else {
      if (one.capture === null && !this.open(one, seen, handlers.onFrame, isFirst)) return;
      if (handlers.onKeepAlive !== undefined) this.openKeepAlives(one, handlers.onKeepAlive);
      if (seen.hasCarrier) this.become(one, 'capturing', null, isFirst);
      else this.become(one, 'no-link', 'the interface has no link; waiting for it', isFirst);
    }
    this.listen(one.status);
  }

  private open(one: Watched, seen: NetworkInterface, onFrame: FrameHandler, isFirst: boolean): boolean {
    const { status } = one;
    try {
      one.capture = captureLive(status.name, this.options, (frame, length, eventMs, linkType) => {
        status.frames++;
        status.lastFrameMs = performance.now();
        onFrame(frame, length, eventMs, linkType);
      });
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      // It can vanish between the look and the opening; the next look will say so.
      if (error.problem === 'no-such-interface' || error.problem === 'interface-down') return false;
      if (isFirst || error.problem === 'no-permission') throw error;
      this.become(one, 'failed', error.message, false);
      return false;
    }
    one.openedIndex = seen.index;
    one.counted = NOTHING;
    status.reopened++;
    return true;
  }

  /** Sightings do not wait for keep-alives: when these cannot be captured, the interface captures all the same. */
  private openKeepAlives(one: Watched, onKeepAlive: KeepAliveHandler): void {
    const { status, capture, keepAliveCapture } = one;
    if (capture === null || keepAliveCapture?.isAlive === true) return;
    keepAliveCapture?.close();
    one.keepAliveCapture = null;
    one.countedKeepAlives = NOTHING;
    try {
      one.keepAliveCapture = captureKeepAlives(status.name, capture.linkType, this.options, (mac, eventMs) => {
        status.keepAlives++;
        onKeepAlive(mac, eventMs);
      });
      status.keepAliveFailure = null;
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      status.keepAliveFailure = error.message;
    }
    const isFailing = status.keepAliveFailure !== null;
    if (isFailing === one.isKeepAliveFailureTold) return;
    one.isKeepAliveFailureTold = isFailing;
    this.options.onKeepAliveFailure(status);
  }

  private close(one: Watched): void {
    one.capture?.close();
    one.capture = null;
    one.keepAliveCapture?.close();
    one.keepAliveCapture = null;
    one.status.keepAliveFailure = null;
  }

  private count(one: Watched, seen: NetworkInterface | null): void {
    const { status } = one;
    const now = one.capture?.stats() ?? one.counted;
    const interfaceDrops = seen === null ? 0 : readDrops(seen.name);
    // The kernel's counters begin anew with an interface that was made anew.
    const byKernel = Math.max(0, now.dropped - one.counted.dropped);
    const byInterface = seen?.index === one.openedIndex ? Math.max(0, interfaceDrops - one.interfaceDrops) : 0;
    const brokenOff = now.brokenOff - one.counted.brokenOff;
    one.counted = now;
    one.interfaceDrops = interfaceDrops;
    status.droppedByKernel += byKernel;
    status.droppedByInterface += byInterface;
    status.brokenOff += brokenOff;
    this.countKeepAlives(one);
    if (byKernel + byInterface + brokenOff > 0) this.options.onLoss(status);
  }

  private countKeepAlives(one: Watched): void {
    const { status, countedKeepAlives: before } = one;
    const now = one.keepAliveCapture?.stats() ?? before;
    one.countedKeepAlives = now;
    status.droppedKeepAlives += Math.max(0, now.dropped - before.dropped);
    status.brokenOffKeepAlives += now.brokenOff - before.brokenOff;
    if (status.keepAlives > one.heardKeepAlives) status.lastFrameMs = performance.now();
    one.heardKeepAlives = status.keepAlives;
  }

  private listen(status: InterfaceState): void {
    const { silenceAlarmMs, onSilence } = this.options;
    const heardMs = Math.max(status.sinceMs, status.lastFrameMs ?? 0);
    const isSilent = silenceAlarmMs > 0 && status.state === 'capturing' && performance.now() - heardMs > silenceAlarmMs;
    if (isSilent === status.isSilent) return;
    status.isSilent = isSilent;
    // A link that went down says so itself; only a frame, or a new start, ends the silence.
    if (isSilent || status.state === 'capturing') onSilence(status);
  }

  private become(one: Watched, state: InterfaceState['state'], reason: string | null, isFirst: boolean): void {
    const { status } = one;
    const before = status.state;
    if (before === state && !isFirst) return;
    status.state = state;
    status.reason = reason;
    status.sinceMs = performance.now();
    this.options.onChange(status, isFirst ? null : before);
  }
}
