// The clock of this machine: whether it is trusted, and event times while it is wrong. When it is set, that is logged.
import type { EventClock } from '../pipeline/frames.js';
import type { Logger } from './log.js';

/** If the wall clock differs by this much from steady time, it was set. */
const CLOCK_JUMP_MS = 2_000;
const LOOK_AT_CLOCK_EVERY_MS = 10_000;
/** A clock that differs less from Nexudus's is right, because the answer may have been slow. */
const CLOCK_AGREES_MS = 120_000;

export interface SensorClockEdges {
  /** If Nexudus has not sent the time for so long, the clock is trusted as it is. 0: it is trusted from the start. */
  readonly trustAfterMs: number;
  /** Called once, unless the clock is trusted from the start. Event times so far must be moved by `shiftMs`. */
  readonly onTrusted: (shiftMs: number) => void;
  readonly log: Logger;
  /** For tests: ms since the epoch, and steady ms. */
  readonly wallMs?: () => number;
  readonly steadyMs?: () => number;
}

/**
 * A Raspberry Pi without a battery starts with the time at which it was turned off. A visit with that time would join yesterday's
 * visit, and never be reported. So event times are provisional until Nexudus has sent the time, which each answer has: they are
 * steady time, counted from the clock's time at the start. After that, event times are the clock's. If Nexudus's time differs, they
 * are Nexudus's, until the clock is set right.
 */
export class SensorClock implements EventClock {
  private trusted: boolean;
  private readonly wallMs: () => number;
  private readonly steadyMs: () => number;
  /** Provisional time minus steady time. */
  private readonly startOffsetMs: number;
  /** Nexudus's time minus steady time; null while the clock agrees with Nexudus. */
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

  /** Nexudus has sent the time. `skewMs` is how far the clock is ahead. */
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
    // The clock may have been set since the start.
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
 * Logs when the wall clock was set. It does not matter for open visits, because gaps are measured in steady time. Returns the function
 * that ends the watch.
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
