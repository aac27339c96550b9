// Waiting for a condition in tests. No test says how fast something has to happen: the end is there so that what never
// happens is told with its name.

/** How long a test waits for what must happen: far longer than it takes on a machine that is busy with other work. */
export const PATIENCE_MS = 120_000;

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
