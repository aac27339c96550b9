// Says when the wall clock was set. Visits do not suffer: their gaps are measured in steady time.
import type { Logger } from './log.js';

/** A wall clock that is this far from where steady time says it should be was set. */
const CLOCK_JUMP_MS = 2_000;
const LOOK_AT_CLOCK_EVERY_MS = 10_000;

/** Returns the function that ends the watch. */
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
