// How the benchmark prints: headings, tables, and what the numbers were measured on.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { tableLines } from '../../src/presenters/table.js';

export function heading(text: string): void {
  console.log(`\n## ${text}\n`);
}

export function table(titles: readonly string[], rows: readonly (readonly string[])[]): void {
  const columns = titles.map((title) => ({ title }));
  for (const line of tableLines(columns, rows, Number.POSITIVE_INFINITY)) console.log(line);
}

export function note(text: string): void {
  console.log(`(${text})`);
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

export function times(ratio: number): string {
  return `${ratio.toFixed(ratio < 10 ? 2 : 1)}x`;
}

export function megabytes(mb: number): string {
  return `${mb.toFixed(0)} MB`;
}

function firstLine(command: string, args: readonly string[]): string | null {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).split('\n')[0] ?? null;
  } catch {
    return null;
  }
}

export function machine(): void {
  const model = cpus()[0]?.model ?? 'unknown processor';
  const system = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
  console.log(`${cpus().length} x ${model}, ${megabytes(totalmem() / 1e6)}, ${system}, Node ${process.version}`);
  for (const [command, args] of [
    ['tcpdump', ['--version']],
    ['tshark', ['--version']],
    ['redis-server', ['--version']],
  ] as const) {
    console.log(firstLine(command, args) ?? `${command} is not installed`);
  }
}
