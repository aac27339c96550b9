// Ending in good order, and never for longer than somebody is willing to wait.
import type { Logger } from './log.js';

/** Things to close, closed in the reverse order of their making. */
export class Closing {
  private readonly steps: (() => Promise<unknown> | unknown)[] = [];

  add(step: () => Promise<unknown> | unknown): void {
    this.steps.push(step);
  }

  async run(log: Logger): Promise<void> {
    for (const step of this.steps.reverse()) {
      try {
        await step();
      } catch (error) {
        log.debug({ cause: String(error) }, 'could not close something');
      }
    }
  }
}

/** Waits for `work`, but not longer than `milliseconds`. */
export async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  await Promise.race([work, late]).finally(() => clearTimeout(timer));
}
