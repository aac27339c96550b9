// Runs a program to its end and measures wall time, CPU time of all its threads, and largest resident memory.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RunningProcess } from '../../test/run-process.js';

export interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly peakMb: number;
}

/** Times are measured by bash, to the millisecond, and the memory by time(1). */
const SCRIPT = `TIMEFORMAT='%3R %3U %3S'
{ time /usr/bin/time --quiet -o "$1/memory" -f %M "\${@:2}" >"$1/stdout" 2>"$1/stderr"; } 2>"$1/times"`;

/** Returns the cost of a run. Rejects with the end of the output when the program fails. */
export async function measuredRun(command: readonly string[]): Promise<Cost> {
  const directory = mkdtempSync(join(tmpdir(), 'nwm-bench-run-'));
  const read = (name: string) => readFileSync(join(directory, name), 'utf8').trim();
  try {
    const { code, signal } = await new RunningProcess('bash', ['-c', SCRIPT, 'bash', directory, ...command]).exit();
    if (code !== 0)
      throw new Error(`${command[0]} failed (${signal ?? `exit code ${code}`}): ${read('stderr').slice(-500)}`);
    const [wall = 0, user = 0, system = 0] = read('times').split(' ').map(Number);
    return { wallMs: wall * 1_000, cpuMs: (user + system) * 1_000, peakMb: Number(read('memory')) / 1_000 };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2;
}

/** Returns the value at or below which a `share` (0 to 1) of the values is. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function medianCost(costs: readonly Cost[]): Cost {
  return {
    wallMs: median(costs.map(({ wallMs }) => wallMs)),
    cpuMs: median(costs.map(({ cpuMs }) => cpuMs)),
    peakMb: median(costs.map(({ peakMb }) => peakMb)),
  };
}

/** Runs all commands in turn, `rounds` times, so that other load on the machine disturbs all alike. */
export async function interleaved(
  commands: ReadonlyMap<string, readonly string[]>,
  rounds: number,
): Promise<Map<string, Cost>> {
  const costs = new Map([...commands.keys()].map((name) => [name, [] as Cost[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, command] of commands) costs.get(name)?.push(await measuredRun(command));
  }
  return new Map([...costs].map(([name, all]) => [name, medianCost(all)]));
}
