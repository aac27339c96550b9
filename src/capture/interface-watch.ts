// Keeps captures running on interfaces that come and go. libpcap says nothing when a link goes down or an interface is
// deleted, and stays silent for ever afterwards: so the interfaces are looked at once a second, and captures opened anew.
import type { FrameHandler, FrameSource } from './frame-source.js';
import {
  CaptureError,
  type CaptureStats,
  captureLive,
  type LiveCapture,
  type LiveCaptureOptions,
} from './live-interface.js';
import { type NetworkInterface, readInterface } from './network-interfaces.js';

const LOOK_EVERY_MS = 1_000;

/** How one interface is doing. `state` says whether frames can arrive. */
export interface InterfaceState {
  readonly name: string;
  state: 'capturing' | 'no-link' | 'down' | 'missing' | 'failed';
  /** In words, for people; null while all is well. */
  reason: string | null;
  /** Steady time (performance.now) of the latest frame, or of the opening when none arrived yet. */
  lastFrameMs: number;
  frames: number;
  /** Sums over all openings. */
  received: number;
  dropped: number;
  droppedByInterface: number;
  reopened: number;
}

interface Watched {
  readonly status: InterfaceState;
  capture: LiveCapture | null;
  openedIndex: number;
  carrierChanges: number;
  /** What the open capture had counted when it was last asked. */
  counted: CaptureStats;
}

const NOTHING: CaptureStats = { received: 0, dropped: 0, droppedByInterface: 0 };

export interface InterfaceWatchOptions extends LiveCaptureOptions {
  /** Hears of every change of an interface's state, once. */
  readonly onChange: (status: Readonly<InterfaceState>, before: InterfaceState['state'] | null) => void;
}

/** Frames from several live interfaces, whatever happens to them. */
export class InterfaceWatch implements FrameSource {
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
        lastFrameMs: performance.now(),
        frames: 0,
        received: 0,
        dropped: 0,
        droppedByInterface: 0,
        reopened: -1,
      },
      capture: null,
      openedIndex: 0,
      carrierChanges: 0,
      counted: NOTHING,
    }));
  }

  /** Resolves after `stop`. Rejects with a CaptureError that no waiting can mend: no permission, an unsupported link type. */
  run(onFrame: FrameHandler): Promise<void> {
    return new Promise((resolve, reject) => {
      this.finish = resolve;
      const look = (isFirst: boolean) => {
        for (const one of this.watched) {
          try {
            this.look(one, onFrame, isFirst);
          } catch (error) {
            this.stop();
            reject(error instanceof Error ? error : new Error(String(error)));
            return;
          }
        }
      };
      look(true);
      if (this.finish !== undefined) this.timer = setInterval(look, LOOK_EVERY_MS, false);
    });
  }

  stop(): void {
    clearInterval(this.timer);
    for (const one of this.watched) this.close(one);
    this.finish?.();
    this.finish = undefined;
  }

  /** The interfaces with fresh counters. */
  states(): readonly Readonly<InterfaceState>[] {
    for (const one of this.watched) this.count(one);
    return this.watched.map(({ status }) => status);
  }

  private look(one: Watched, onFrame: FrameHandler, isFirst: boolean): void {
    const seen = readInterface(one.status.name);
    if (one.capture !== null && !this.isStillGood(one, seen)) this.close(one);
    if (seen === null) this.become(one, 'missing', 'there is no such interface; waiting for it', isFirst);
    else if (!seen.isUp) this.become(one, 'down', 'the interface is down; waiting for it', isFirst);
    else {
      if (one.capture === null && !this.open(one, seen, onFrame, isFirst)) return;
      if (seen.hasCarrier || seen.isLoopback) this.become(one, 'capturing', null, isFirst);
      else this.become(one, 'no-link', 'the interface has no link; waiting for it', isFirst);
    }
  }

  private isStillGood(one: Watched, seen: NetworkInterface | null): boolean {
    return (
      seen?.isUp === true &&
      seen.index === one.openedIndex &&
      seen.carrierChanges === one.carrierChanges &&
      one.capture?.isAlive === true
    );
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
      if (isFirst || error.problem !== 'failed') throw error;
      this.become(one, 'failed', error.message, false);
      return false;
    }
    one.openedIndex = seen.index;
    one.carrierChanges = seen.carrierChanges;
    one.counted = NOTHING;
    status.reopened++;
    status.lastFrameMs = performance.now();
    return true;
  }

  private close(one: Watched): void {
    if (one.capture === null) return;
    this.count(one);
    one.capture.close();
    one.capture = null;
  }

  private count(one: Watched): void {
    const now = one.capture?.stats();
    if (now === null || now === undefined) return;
    one.status.received += now.received - one.counted.received;
    one.status.dropped += now.dropped - one.counted.dropped;
    one.status.droppedByInterface += now.droppedByInterface - one.counted.droppedByInterface;
    one.counted = now;
  }

  private become(one: Watched, state: InterfaceState['state'], reason: string | null, isFirst: boolean): void {
    const before = one.status.state;
    if (before === state && !isFirst) return;
    one.status.state = state;
    one.status.reason = reason;
    this.options.onChange(one.status, isFirst ? null : before);
  }
}
