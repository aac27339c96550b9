// The lower bounds of a replay: the cost of reading and decoding alone, and where its time goes (the top of the flame graph).
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { DISCOVERY_2000, DISCOVERY_50000, fileOf, type Input } from './inputs.js';
import { interleaved, measuredRun } from './measured-run.js';
import { ourReplay } from './replays.js';
import { heading, note, seconds, table, times } from './report.js';

const readFrames = new URL('./read-frames.js', import.meta.url).pathname;
const SAMPLE_US = 200;
const TOP = 20;

/** The parts of V8's .cpuprofile that are used here. Times are in microseconds. */
const CPU_PROFILE = z.object({
  nodes: z.array(
    z.object({
      id: z.number(),
      callFrame: z.object({ functionName: z.string(), url: z.string(), lineNumber: z.number() }),
    }),
  ),
  samples: z.array(z.number()),
  timeDeltas: z.array(z.number()),
});

export async function bounds(rounds: number): Promise<void> {
  await floors(rounds);
  for (const input of [DISCOVERY_2000, DISCOVERY_50000]) await flameGraphTop(input);
}

/** Reads the same file with more and more parts of a replay. */
async function floors(rounds: number): Promise<void> {
  heading(`What a replay cannot do without: ${DISCOVERY_2000.name}`);
  const file = await fileOf(DISCOVERY_2000);
  const one = await fileOf({ ...DISCOVERY_2000, name: 'one-frame', frames: 1, devices: 1 });
  const costs = await interleaved(
    new Map<string, readonly string[]>([
      ['tcpdump, the whole file', ['tcpdump', '-r', file, '-w', '/dev/null']],
      ['node -e 0', ['node', '-e', '0']],
      ['replay of one frame', ourReplay(one)],
      ['pcap gives each frame to an empty function', ['node', readFrames, 'nothing', file]],
      ['and it is decoded', ['node', readFrames, 'decode', file]],
      ['replay', ourReplay(file)],
    ]),
    rounds,
  );
  const floor = costs.get('tcpdump, the whole file');
  table(
    ['', 'wall', 'CPU', 'wall/tcpdump'],
    [...costs].map(([name, { wallMs, cpuMs }]) => [
      name,
      seconds(wallMs),
      seconds(cpuMs),
      times(wallMs / (floor?.wallMs ?? Number.NaN)),
    ]),
  );
}

async function flameGraphTop(input: Input): Promise<void> {
  heading(`Where the main thread's time goes: ${input.name}`);
  const directory = mkdtempSync(join(tmpdir(), 'nwm-profile-'));
  const [node = 'node', ...command] = ourReplay(await fileOf(input));
  const flags = ['--cpu-prof', `--cpu-prof-dir=${directory}`, `--cpu-prof-interval=${SAMPLE_US}`];
  await measuredRun([node, ...flags, ...command]);
  const [name = ''] = readdirSync(directory);
  const { nodes, samples, timeDeltas } = CPU_PROFILE.parse(JSON.parse(readFileSync(join(directory, name), 'utf8')));
  rmSync(directory, { recursive: true });

  const names = new Map(nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const selfUs = new Map<string, number>();
  let totalUs = 0;
  for (const [index, id] of samples.entries()) {
    const function_ = names.get(id) ?? '';
    const us = timeDeltas[index] ?? 0;
    selfUs.set(function_, (selfUs.get(function_) ?? 0) + us);
    totalUs += us;
  }
  const top = [...selfUs].sort(([, a], [, b]) => b - a).slice(0, TOP);
  table(
    ['function', 'self', 'share'],
    top.map(([function_, us]) => [function_, seconds(us / 1_000), `${((us / totalUs) * 100).toFixed(1)} %`]),
  );
  note(
    `one run, a sample each ${SAMPLE_US} us; native code counts for the function that called it (#dispatch: libpcap)`,
  );
}

function nameOf({ functionName, url, lineNumber }: { functionName: string; url: string; lineNumber: number }): string {
  return `${functionName || '(anonymous)'}${url === '' ? '' : ` ${basename(url)}:${lineNumber + 1}`}`;
}
