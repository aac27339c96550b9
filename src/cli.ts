#!/usr/bin/env node
// Argument parsing only. Each command is a module of its own, loaded when it is called.
import { readFileSync } from 'node:fs';

const [, , first] = process.argv;

function version(): string {
  const parsed: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return typeof parsed === 'object' && parsed !== null && 'version' in parsed ? String(parsed.version) : 'unknown';
}

if ((first === '--version' || first === '-V') && process.argv.length === 3) {
  process.stdout.write(`${version()}\n`);
} else {
  const { run } = await import('./commands/program.js');
  process.exitCode = await run(process.argv, version());
  // A closed capture stays in libuv's loop until another frame arrives (see live-interface.ts); nothing else should.
  setTimeout(() => process.exit(), 100).unref();
}
