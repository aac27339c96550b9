// Keeps captures running on interfaces that come and go. libpcap reports nothing when a link goes down or an interface is deleted, and
// its capture is silent from then on. So each interface is looked at once a second, and its captures are opened anew when needed.
import { CaptureError } from './capture-error.js';
import type { FrameHandler, FrameSource, KeepAliveHandler } from './frame-source.js';
import { type CaptureStats, freeClosedCaptures, type LiveCapture } from './live-capture.js';
import { captureLive, type FrameCapture, type LiveCaptureOptions } from './live-interface.js';
import { captureKeepAlives } from './live-keep-alives.js';
import { type NetworkInterface, ownAddressesOn, readDrops, readInterface } from './network-interfaces.js';
import { chooseWay, type OwnAddresses, type Probe } from './probe.js';

const LOOK_EVERY_MS = 1_000;
/** pcap cannot free captures of deleted interfaces, some 2 MB each. When there are more than this, a new process must be started. */
const MAX_UNFREED = 64;

/** The latest own probes are kept, so that another interface that hears one is not taken for another device. */
const MAX_RECENT_PROBES = 32;

/** The state of an interface. */
export interface InterfaceState {
  readonly name: string;
  /** Whether frames can arrive. */
  state: 'capturing' | 'no-link' | 'down' | 'missing' | 'failed';
  /** In words, for people; null while all is well. */
  reason: string | null;
  /** Since when it is in this state, steady time (performance.now). */
  sinceMs: number;
  /** Neither a frame nor a keep-alive has come for longer than the silence alarm, although the link is up. */
  isSilent: boolean;
  /** Steady time of the latest frame or (to a second) keep-alive, null when none ever arrived. */
  lastFrameMs: number | null;
  /** Frames that passed the filter. This and all other counts are since the sensor started, over all openings. */
  frames: number;
  /** Broadcast and multicast frames that cannot hold a sighting. They have a capture of their own; 0 when it is turned off. */
  keepAlives: number;
  /** Lost because we were too slow, as libpcap counts them. */
  droppedByKernel: number;
  /** Lost by the interface or its driver. */
  droppedByInterface: number;
  /** How often capturing was interrupted in a flood, see live-capture.ts. */
  brokenOff: number;
  /** Keep-alives lost because we were too slow. That does no harm, because devices send more of them. */
  droppedKeepAlives: number;
  /** How often the capture of keep-alives was interrupted. */
  brokenOffKeepAlives: number;
  /** Why keep-alives cannot be captured although frames can, in words; null otherwise. Tried again once a second. */
  keepAliveFailure: string | null;
  /** Frames sent to ask devices whether they are still here. */
  probes: number;
  /** Why no device can be asked through this interface, in words; null when devices can be asked, or are not to be. */
  probeObstacle: string | null;
  /** How often the capture was opened anew because the interface went away or down. */
  reopened: number;
}

interface Watched {
  /** Tells the first 30 interfaces apart; all others share one. */
  readonly bit: number;
  readonly status: InterfaceState;
  capture: FrameCapture | null;
  openedIndex: number;
  /** Null also where there are no keep-alives: on links without addresses, and when nobody listens to them. */
  keepAliveCapture: LiveCapture | null;
  /** What the open captures and the interface had counted at the last look. */
  counted: CaptureStats;
  countedKeepAlives: CaptureStats;
  heardKeepAlives: number;
  /** Whether somebody was told that keep-alives cannot be captured, and not yet that they can again. */
  isKeepAliveFailureTold: boolean;
  interfaceDrops: number;
  /** The addresses at the latest look; null as well when no device is to be asked. */
  own: OwnAddresses | null;
  /** The obstacle that was last told; undefined until then. */
  reportedObstacle: string | null | undefined;
}

interface Handlers {
  readonly onFrame: FrameHandler;
  readonly onKeepAlive: KeepAliveHandler | undefined;
}

const NOTHING: CaptureStats = { received: 0, dropped: 0, brokenOff: 0 };

export interface InterfaceWatchOptions extends LiveCaptureOptions {
  /** Whether `probe` may be called. */
  readonly probes: boolean;
  /** No frame for this long while the link is up is an alarm, ms; 0 for never. */
  readonly silenceAlarmMs: number;
  /** Called once for every change of an interface's state. `before` is null at the start. */
  readonly onChange: (status: Readonly<InterfaceState>, before: InterfaceState['state'] | null) => void;
  /** Called when an interface falls silent (`isSilent`), and when a frame ends the silence. */
  readonly onSilence: (status: Readonly<InterfaceState>) => void;
  /** Keep-alives cannot be captured although frames can (`keepAliveFailure`), or can be again. Each is told once. */
  readonly onKeepAliveFailure: (status: Readonly<InterfaceState>) => void;
  /** Called when it is known whether devices can be asked through an interface (`probeObstacle`), and when that changes. */
  readonly onProbeObstacle: (status: Readonly<InterfaceState>) => void;
  /** Called when frames (not keep-alives) were lost, or capturing was broken off, since the last look. */
  readonly onLoss: (status: Readonly<InterfaceState>) => void;
}

/** Frames, and the state of the interfaces that they come from. */
export interface WatchedSource extends FrameSource {
  /** Asks a device whether it is still here, by one frame to it alone. Returns whether the frame was sent. */
  probe(probe: Probe): boolean;
  /** The states at the latest look, at most a second ago. */
  states(): readonly Readonly<InterfaceState>[];
}

/** Frames from several live interfaces, whatever happens to them. */
export class InterfaceWatch implements WatchedSource {
  private readonly watched: Watched[];
  private timer: NodeJS.Timeout | undefined;
  private finish: (() => void) | undefined;
  /** A ring. */
  private readonly recentProbes: Buffer[] = [];
  private probesSent = 0;

  constructor(
    names: readonly string[],
    private readonly options: InterfaceWatchOptions,
  ) {
    this.watched = names.map((name, index) => ({
      bit: 1 << Math.min(index, 30),
      status: {
        name,
        state: 'missing',
        reason: null,
        sinceMs: performance.now(),
        isSilent: false,
        lastFrameMs: null,
        frames: 0,
        keepAlives: 0,
        probes: 0,
        probeObstacle: null,
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
      own: null,
      reportedObstacle: undefined,
    }));
  }

  /**
   * Resolves after `stop`. Rejects with a CaptureError when waiting cannot help: without permission, and at the start also for an
   * unsupported link type. With `onKeepAlive` each interface is opened twice.
   */
  run(onFrame: FrameHandler, onKeepAlive?: KeepAliveHandler): Promise<void> {
    const handlers = { onFrame, onKeepAlive };
    return new Promise((resolve, reject) => {
      this.finish = resolve;
      const look = (isFirst: boolean) => {
        try {
          for (const entry of this.watched) this.look(entry, handlers, isFirst);
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
      // The first look may have stopped or refused it.
      if (this.finish !== undefined) this.timer = setInterval(look, LOOK_EVERY_MS, false);
    });
  }

  stop(): void {
    clearInterval(this.timer);
    for (const entry of this.watched) this.close(entry);
    this.finish?.();
    this.finish = undefined;
  }

  states(): readonly Readonly<InterfaceState>[] {
    return this.watched.map(({ status }) => status);
  }

  probe(probe: Probe): boolean {
    if (this.watched.some(({ own }) => own?.mac === probe.mac)) return false;
    const chosen = chooseWay(probe, this.watched.filter(canProbe));
    if (chosen === null || chosen.way.capture?.inject(chosen.frame) !== true) return false;
    chosen.way.status.probes++;
    this.recentProbes[this.probesSent++ % MAX_RECENT_PROBES] = chosen.frame;
    return true;
  }

  /** A capture does not show what was sent through it, but that of another interface may. */
  private isOwnProbe(frame: Buffer, length: number): boolean {
    return this.recentProbes.some(
      (probe) =>
        length >= probe.length &&
        // These four octets of the source tell most frames of other stations apart.
        frame.readUInt32BE(8) === probe.readUInt32BE(8) &&
        frame.compare(probe, 0, probe.length, 0, probe.length) === 0,
    );
  }

  private look(entry: Watched, handlers: Handlers, isFirst: boolean): void {
    const seen = readInterface(entry.status.name);
    this.count(entry, seen);
    const isStillGood = seen?.isUp === true && seen.index === entry.openedIndex && entry.capture?.isAlive === true;
    if (entry.capture !== null && !isStillGood) {
      this.close(entry);
      if (seen?.isUp) this.become(entry, 'down', 'the interface was down or made anew between two looks', false);
    }
    if (seen === null) this.become(entry, 'missing', 'there is no such interface; waiting for it', isFirst);
    else if (!seen.isUp) this.become(entry, 'down', 'the interface is down; waiting for it', isFirst);
    else {
      if (entry.capture === null && !this.open(entry, seen, handlers.onFrame, isFirst)) return;
      if (handlers.onKeepAlive !== undefined) this.openKeepAlives(entry, handlers.onKeepAlive);
      if (seen.hasCarrier) this.become(entry, 'capturing', null, isFirst);
      else this.become(entry, 'no-link', 'the interface has no link; waiting for it', isFirst);
    }
    if (this.options.probes) this.lookForObstacle(entry);
    this.listen(entry.status);
  }

  private lookForObstacle(entry: Watched): void {
    const { status, capture } = entry;
    entry.own = ownAddressesOn(status.name);
    // The state tells enough of an interface that does not capture.
    if (capture === null) return;
    const canSend = capture.linkType === 'ethernet' && entry.own !== null;
    status.probeObstacle = canSend ? null : 'it is no single Ethernet or Wi-Fi interface';
    if (status.probeObstacle === entry.reportedObstacle) return;
    entry.reportedObstacle = status.probeObstacle;
    this.options.onProbeObstacle(status);
  }

  private open(entry: Watched, seen: NetworkInterface, onFrame: FrameHandler, isFirst: boolean): boolean {
    const { status } = entry;
    try {
      entry.capture = captureLive(status.name, this.options, (frame, length, eventMs, linkType) => {
        if (this.recentProbes.length > 0 && this.isOwnProbe(frame, length)) return;
        status.frames++;
        status.lastFrameMs = performance.now();
        onFrame(frame, length, eventMs, linkType, entry.bit);
      });
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      // The interface can vanish between the look and the opening. The next look will report it.
      if (error.problem === 'no-such-interface' || error.problem === 'interface-down') return false;
      if (isFirst || error.problem === 'no-permission') throw error;
      this.become(entry, 'failed', error.message, false);
      return false;
    }
    entry.openedIndex = seen.index;
    entry.counted = NOTHING;
    status.reopened++;
    return true;
  }

  /** If keep-alives cannot be captured, sightings still are. */
  private openKeepAlives(entry: Watched, onKeepAlive: KeepAliveHandler): void {
    const { status, capture, keepAliveCapture } = entry;
    if (capture === null || keepAliveCapture?.isAlive === true) return;
    keepAliveCapture?.close();
    entry.keepAliveCapture = null;
    entry.countedKeepAlives = NOTHING;
    try {
      entry.keepAliveCapture = captureKeepAlives(status.name, capture.linkType, this.options, (mac, eventMs) => {
        status.keepAlives++;
        onKeepAlive(mac, eventMs);
      });
      status.keepAliveFailure = null;
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      status.keepAliveFailure = error.message;
    }
    const isFailing = status.keepAliveFailure !== null;
    if (isFailing === entry.isKeepAliveFailureTold) return;
    entry.isKeepAliveFailureTold = isFailing;
    this.options.onKeepAliveFailure(status);
  }

  private close(entry: Watched): void {
    entry.capture?.close();
    entry.capture = null;
    entry.keepAliveCapture?.close();
    entry.keepAliveCapture = null;
    entry.status.keepAliveFailure = null;
  }

  private count(entry: Watched, seen: NetworkInterface | null): void {
    const { status } = entry;
    const now = entry.capture?.stats() ?? entry.counted;
    const interfaceDrops = seen === null ? 0 : readDrops(seen.name);
    // When an interface is deleted and made again, the kernel counts from 0.
    const byKernel = Math.max(0, now.dropped - entry.counted.dropped);
    const byInterface = seen?.index === entry.openedIndex ? Math.max(0, interfaceDrops - entry.interfaceDrops) : 0;
    const brokenOff = now.brokenOff - entry.counted.brokenOff;
    entry.counted = now;
    entry.interfaceDrops = interfaceDrops;
    status.droppedByKernel += byKernel;
    status.droppedByInterface += byInterface;
    status.brokenOff += brokenOff;
    this.countKeepAlives(entry);
    if (byKernel + byInterface + brokenOff > 0) this.options.onLoss(status);
  }

  private countKeepAlives(entry: Watched): void {
    const { status, countedKeepAlives: before } = entry;
    const now = entry.keepAliveCapture?.stats() ?? before;
    entry.countedKeepAlives = now;
    status.droppedKeepAlives += Math.max(0, now.dropped - before.dropped);
    status.brokenOffKeepAlives += now.brokenOff - before.brokenOff;
    if (status.keepAlives > entry.heardKeepAlives) status.lastFrameMs = performance.now();
    entry.heardKeepAlives = status.keepAlives;
  }

  private listen(status: InterfaceState): void {
    const { silenceAlarmMs, onSilence } = this.options;
    const heardMs = Math.max(status.sinceMs, status.lastFrameMs ?? 0);
    const isSilent = silenceAlarmMs > 0 && status.state === 'capturing' && performance.now() - heardMs > silenceAlarmMs;
    if (isSilent === status.isSilent) return;
    status.isSilent = isSilent;
    // When the link went down, `onChange` has reported it, and that is not the end of the silence.
    if (isSilent || status.state === 'capturing') onSilence(status);
  }

  private become(entry: Watched, state: InterfaceState['state'], reason: string | null, isFirst: boolean): void {
    const { status } = entry;
    const before = status.state;
    if (before === state && !isFirst) return;
    status.state = state;
    status.reason = reason;
    status.sinceMs = performance.now();
    this.options.onChange(status, isFirst ? null : before);
  }
}

/** Whether frames can be sent through the interface. */
function canProbe(entry: Watched): entry is Watched & { readonly own: OwnAddresses } {
  return entry.own !== null && entry.status.state === 'capturing' && entry.status.probeObstacle === null;
}
