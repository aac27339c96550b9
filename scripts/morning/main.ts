// Entry of `scripts/demo --page`: plays the morning until Ctrl-C, and says where the page is.
import { morningMs, playMorning } from './play-morning.js';

/** Four hours in four minutes. */
const SPEED = 60;

try {
  const morning = await playMorning({
    top: process.cwd(),
    speed: SPEED,
    port: Number(process.env.STATUS_PORT || 9467),
  });
  process.stdout.write(
    `A morning in a coworking space, ${SPEED} times faster: it takes ${Math.round(morningMs(SPEED) / 60_000)} minutes, then everybody leaves.\n` +
      `The status page: ${morning.url}\n` +
      'Ctrl-C ends it.\n',
  );
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      void morning.close().then(() => {
        process.stdout.write(
          `\n${morning.sandbox.failedCheckins.length} failed check-ins arrived at the stand-in for Nexudus.\n`,
        );
        process.exit(0);
      });
    });
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
