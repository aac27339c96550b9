#!/usr/bin/env node
// Argument parsing only. Each command is a module of its own, loaded when it is called.
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';

const [, , first] = process.argv;

// Whoever reads the output may stop reading (`| head`): that is no failure. A full disk is.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') process.stderr.write(`wifi-monitor: cannot write the output (${error.code})\n`);
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});

function version(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : 'unknown';
}

if ((first === '--version' || first === '-V') && process.argv.length === 3) {
  process.stdout.write(`${version()}\n`);
} else {
  // The box is small and the work is light: garbage is collected often, instead of first taking whatever memory there is. A replay of
  // 50,000 devices takes 138 MB so, instead of 171, and a tenth more time; with few devices there is no difference in time.
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=25');
  const { run } = await import('./commands/program.js');
  process.exitCode = await run(process.argv, version());
  // Whatever still holds the process must not hold its supervisor: a closed capture stays in libuv's loop until another
  // frame arrives (see live-interface.ts), a socket may not close.
  setTimeout(() => process.exit(), 100).unref();
}
