// The benchmark: npm run bench [-- --only PART,... --rounds N]. See HELP for the parts.
import { parseArgs } from 'node:util';
import { bounds } from './bounds.js';
import { directoryCosts } from './directory.js';
import { hub } from './hub.js';
import { keepAlives } from './keep-alives.js';
import { live } from './live.js';
import { presence } from './presence.js';
import { replayCurves, replays } from './replays.js';
import { machine } from './report.js';
import { stages } from './stages.js';
import { startUp } from './start-up.js';

const HELP = `Measures wifi-monitor, and prints tables. Every time is beside that of a public tool on the same machine, or a count.

  --only PART,...   of: start-up, replays, curves, bounds, stages, directory, live,
                    presence, keep-alives, hub
                    (default: all; a quarter of an hour)
  --rounds N        runs of each command, interleaved; for presence, days (default: 5)
  --first-seed N    for presence: of the first day (default: 1)

Inputs are made in $BENCH_CACHE (default: a folder of the temporary directory; 2 GB). "live" and "keep-alives" need root.
`;

const PARTS: Record<string, (rounds: number, firstSeed: number) => Promise<void> | void> = {
  'start-up': startUp,
  replays,
  curves: replayCurves,
  bounds,
  stages,
  directory: directoryCosts,
  live,
  presence,
  'keep-alives': keepAlives,
  hub,
};

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    'first-seed': { type: 'string', default: '1' },
    help: { type: 'boolean' },
  },
});
const wanted = values.only?.split(',') ?? Object.keys(PARTS);
const rounds = Number(values.rounds);
const firstSeed = Number(values['first-seed']);
if (values.help === true || !(rounds >= 1) || !(firstSeed >= 1) || wanted.some((part) => PARTS[part] === undefined)) {
  console.log(HELP);
  process.exitCode = values.help === true ? 0 : 2;
} else {
  machine();
  for (const part of wanted) await PARTS[part]?.(rounds, firstSeed);
}
