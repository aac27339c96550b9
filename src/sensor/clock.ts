// The clock of this machine: whether it can be relied on, what the time is when it cannot, and a line in the log when it is set.
import type { EventClock } from '../pipeline/frames.js';
import type { Logger } from './log.js';

/** A wall clock that is this far from where steady time says it should be was set. */
const CLOCK_JUMP_MS = 2_000;
const LOOK_AT_CLOCK_EVERY_MS = 10_000;
/** A clock that is this close to Nexudus's is right: the answer may have been slow on its way. */
const CLOCK_AGREES_MS = 120_000;

export interface SensorClockEdges {
  /** If nobody has told the time for so long, the clock is trusted as it is. 0: from the start. */
  readonly trustAfterMs: number;
  /** Called once, unless the clock is trusted from the start: event times so far are to be moved by `shiftMs`. */
  readonly onTrusted: (shiftMs: number) => void;
  readonly log: Logger;
  /** For tests: ms since the epoch, and steady ms. */
  readonly wallMs?: () => number;
  readonly steadyMs?: () => number;
}

/**
 * A Raspberry Pi without a battery starts with the time at which it went off. A visit with that time would join yesterday's visit, and
 * never be reported. So until Nexudus has told the time (each answer has it, the very first one too), times are provisional: steady
 * time, counted from what the clock said at the start. After that they are the clock's, unless Nexudus contradicts it: then they are
 * Nexudus's, until the clock is set right.
 */
export class SensorClock implements EventClock {
  private trusted: boolean;
  private readonly wallMs: () => number;
  private readonly steadyMs: () => number;
  /** What is to be added to steady time for provisional times. */
  private readonly startOffsetMs: number;
  /** The same for the time by Nexudus; null while the clock agrees with it. */
  private offsetMs: number | null = null;
  private readonly timer: NodeJS.Timeout | undefined;

  constructor(private readonly edges: SensorClockEdges) {
    this.wallMs = edges.wallMs ?? Date.now;
    this.steadyMs = edges.steadyMs ?? (() => performance.now());
    this.startOffsetMs = this.wallMs() - this.steadyMs();
    this.trusted = edges.trustAfterMs === 0;
    if (!this.trusted) this.timer = setTimeout(() => this.trustAsItIs(), edges.trustAfterMs).unref();
  }

  get isTrusted(): boolean {
    return this.trusted;
  }

  eventMs(wallMs: number, steadyMs: number): number {
    if (!this.trusted) return Math.round(steadyMs + this.startOffsetMs);
    if (this.offsetMs === null) return wallMs;
    const byNexudus = Math.round(steadyMs + this.offsetMs);
    return Math.abs(wallMs - byNexudus) > CLOCK_AGREES_MS ? byNexudus : wallMs;
  }

  /** Nexudus has told the time: `skewMs` is how far the clock is ahead. */
  onSkew(skewMs: number): void {
    const offsetMs = this.wallMs() - skewMs - this.steadyMs();
    const disagrees = Math.abs(skewMs) > CLOCK_AGREES_MS;
    const did = this.offsetMs !== null;
    this.offsetMs = disagrees ? offsetMs : null;
    const { log } = this.edges;
    if (disagrees && !did)
      log.warn({ skewMs }, "the clock of this machine is wrong: Nexudus's time is used. Turn on NTP");
    if (!disagrees && did) log.info("the clock of this machine agrees with Nexudus's again");
    this.trust(offsetMs);
  }

  close(): void {
    clearTimeout(this.timer);
  }

  private trustAsItIs(): void {
    this.edges.log.warn('nobody has told the time: the clock of this machine is taken to be right');
    // It may have been set since the start.
    this.trust(this.wallMs() - this.steadyMs());
  }

  private trust(offsetMs: number): void {
    if (this.trusted) return;
    this.trusted = true;
    clearTimeout(this.timer);
    const shiftMs = Math.round(offsetMs - this.startOffsetMs);
    this.edges.onTrusted(Math.abs(shiftMs) > CLOCK_AGREES_MS ? shiftMs : 0);
  }
}

/**
 * Logs when the wall clock was set. Open visits do not suffer: their gaps are measured in steady time. Returns the function that ends
 * the watch.
 */
export function watchClock(log: Logger): () => void {
  let offsetMs = Date.now() - performance.now();
  const timer = setInterval(() => {
    const nowMs = Date.now() - performance.now();
    const jumpMs = Math.round(nowMs - offsetMs);
    if (Math.abs(jumpMs) >= CLOCK_JUMP_MS) log.warn({ jumpMs }, 'the clock of this machine was set; open visits go on');
    offsetMs = nowMs;
  }, LOOK_AT_CLOCK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}
