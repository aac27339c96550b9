// Waits for a condition in tests. No test says how fast something must happen. The end is there so that what never happens is reported by
// its name.

/**
 * How long a test waits for what must happen. It is only an end for what hangs: a test whose processes get a tenth of a busy core takes
 * many times as long as on a quiet machine.
 */
export const PATIENCE_MS = 300_000;

/** Resolves as soon as `condition` holds; rejects after `timeoutMs` with `what` as the thing that did not happen. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = PATIENCE_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`still not, after ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
