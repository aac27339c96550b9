// A live capture that gives everything else its turn. pcap 3.1 hands over frames for as long as there are any, so in a flood nothing
// else would ever run: no timer, no signal, no answer of Redis. A turn that takes too long is broken off, which closes the capture.
// It is opened anew after a pause.
import type { LinkType } from '../decode/frame.js';

const MAX_TURN_MS = 100;
/** The clock is read once in so many frames. */
const READ_CLOCK_EVERY = 64;

/** What was counted since the capture was opened. */
export interface CaptureStats {
  readonly received: number;
  /** Dropped by the kernel because we were too slow. */
  readonly dropped: number;
  /** How often a turn was broken off. Each time, the frames of some 20 ms are lost. */
  readonly brokenOff: number;
}

export interface LiveCapture {
  readonly linkType: LinkType;
  /** False once libpcap has reported an error. No frame arrives after that; the interface must be opened anew. */
  readonly isAlive: boolean;
  stats(): CaptureStats;
  close(): void;
}

/** One opening of an interface. */
export interface OpenInterface {
  readonly linkType: LinkType;
  readonly isAlive: boolean;
  stats(): { readonly received: number; readonly dropped: number };
  close(): void;
}

/** A capture that is closed whenever a turn took too long, and opened anew `pauseMs` later. */
export function captureWithBreaks(pauseMs: number, open: (onLongTurn: () => void) => OpenInterface): LiveCapture {
  let opening: OpenInterface | null = open(breakOff);
  const { linkType } = opening;
  let reopening: NodeJS.Timeout | undefined;
  let isAlive = true;
  let brokenOff = 0;
  /** Sums of the openings that are closed. */
  const past = { received: 0, dropped: 0 };

  function breakOff(): void {
    brokenOff++;
    closeOpening();
    reopening = setTimeout(() => {
      try {
        opening = open(breakOff);
      } catch {
        isAlive = false;
      }
    }, pauseMs);
  }

  function closeOpening(): void {
    if (opening === null) return;
    const { received, dropped } = opening.stats();
    past.received += received;
    past.dropped += dropped;
    opening.close();
    opening = null;
  }

  return {
    linkType,
    get isAlive() {
      return isAlive && opening?.isAlive !== false;
    },
    stats() {
      const { received, dropped } = opening?.stats() ?? { received: 0, dropped: 0 };
      return { received: past.received + received, dropped: past.dropped + dropped, brokenOff };
    },
    close() {
      clearTimeout(reopening);
      closeOpening();
      isAlive = false;
    },
  };
}

/** The time that an opening takes in one go. */
export class Turn {
  private beganMs = 0;
  private untilClock = READ_CLOCK_EVERY;

  begin(): void {
    this.beganMs = performance.now();
  }

  /** To be called after each frame. Returns whether the turn has to be broken off. */
  isTooLong(): boolean {
    if (--this.untilClock > 0) return false;
    this.untilClock = READ_CLOCK_EVERY;
    return performance.now() - this.beganMs > MAX_TURN_MS;
  }
}

/**
 * Openings that were closed and are not freed yet. To close, pcap only asks libpcap to stop, which takes effect when the next frame
 * arrives. On a deleted interface none arrives, so a socket and its buffer remain until the process ends.
 */
const closing = new Set<ClosedOpening>();

export interface ClosedOpening {
  /** Frees it if a frame has come since it was closed, and then calls `openingFreed`. */
  free(): void;
}

export function openingClosed(opening: ClosedOpening): void {
  closing.add(opening);
  opening.free();
}

export function openingFreed(opening: ClosedOpening): void {
  closing.delete(opening);
}

/** Frees closed captures as far as frames have come since. Returns how many are left. */
export function freeClosedCaptures(): number {
  for (const opening of closing) opening.free();
  return closing.size;
}
