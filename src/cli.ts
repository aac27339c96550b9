#!/usr/bin/env node
// Sets the process up and runs a command. Each command is a module of its own, loaded when it is called.
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';

const [, , first] = process.argv;

// The reader of the output may stop reading (`| head`), which is no failure. A full disk is one.
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
  // Garbage is collected often, because the machine may be small. A replay of 50,000 devices then takes 147 MB instead of 199, and a
  // tenth more time. With few devices there is no difference in time.
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString('--heap-growing-percent=25');
  const { run } = await import('./commands/program.js');
  process.exitCode = await run(process.argv, version());
  // The process must end even if something still keeps it alive: a closed capture stays in libuv's loop until another frame arrives
  // (see live-capture.ts), and a socket may not close.
  setTimeout(() => process.exit(), 100).unref();
}
