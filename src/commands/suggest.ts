// `wifi-monitor suggest`: devices that look like equipment and that nobody has labelled or registered, as the monitor's diary tells.
import type { MacAddress } from '../addresses/mac-address.js';
import { type Config, ConfigError } from '../config/config.js';
import { readConfig } from '../config/read.js';
import { RedisLabelStore } from '../devices/label-store.js';
import type { Label } from '../devices/labels.js';
import { countWords } from '../presenters/count-words.js';
import { printTable } from '../presenters/table.js';
import { withRedis } from '../sensor/redis-connection.js';
import type { SuggestionJson } from '../status/facts/device-json.js';
import { type DiaryEntry, latestOf } from '../status/facts/diary-entry.js';
import { DiaryStore } from '../status/facts/diary-store.js';
import { suggestionsIn } from '../status/facts/suggestions.js';

/** Prints the suggestions; what to do about them stays with whoever reads them. Returns the exit code. @throws ConfigError */
export async function suggest(options: { readonly json: boolean }): Promise<number> {
  const config = readConfig(process.env, { nexudus: false });
  const { timeZone, hub, dryRun } = config;
  // A dry run asks no hub, and keeps labels itself.
  const hasHub = hub !== null && !dryRun;
  const { entries, labelled } = await readDiary(config);
  const isOpenQuestion = (entry: DiaryEntry) => {
    const told = latestOf(entry).decisions.at(-1);
    // Labelled once, and not any more. What is labelled at the hub, only its decision says.
    const isUnlabelled = told?.byLabel === true && !hasHub;
    return !labelled.has(entry.mac) && (told?.kind === 'unrecognised' || told?.kind === 'pending' || isUnlabelled);
  };
  const found = suggestionsIn(entries, Date.now(), timeZone)
    .filter(({ entry }) => isOpenQuestion(entry))
    .map(({ json }) => json);
  if (options.json) for (const suggestion of found) process.stdout.write(`${JSON.stringify(suggestion)}\n`);
  else {
    print(
      found,
      entries.length,
      config.ignore.macs.map(({ written }) => written),
    );
    if (hasHub)
      process.stdout.write('What was labelled at the hub after the last visit of a device does not count here.\n');
  }
  return 0;
}

interface Noted {
  readonly entries: readonly DiaryEntry[];
  readonly labelled: ReadonlyMap<MacAddress, Label>;
}

/** Reads what this location's monitors noted. @throws ConfigError */
function readDiary({ redisUrl, businessId, hub, retentionMs, dryRun: isDryRun }: Config): Promise<Noted> {
  // The sensor of a hub need not know the number of its location, and then keeps its diary under 0.
  const location = businessId ?? (hub === null ? null : 0);
  const problems = [
    ...(redisUrl === null
      ? [
          'REDIS_URL: must be set: without Redis only the running monitor knows who was here, and its status page suggests',
        ]
      : []),
    ...(location === null ? ['NEXUDUS_BUSINESS_ID: must be set: the diary belongs to a location'] : []),
  ];
  if (redisUrl === null || location === null) throw new ConfigError(problems);
  return withRedis(redisUrl, async (redis) => {
    const entries: DiaryEntry[] = [];
    const store = new DiaryStore(redis, { businessId: location, retentionMs, isDryRun });
    for await (const some of store.all()) for (const [mac, visits] of some) entries.push({ mac, visits });
    return { entries, labelled: await new RedisLabelStore(redis, location).all() };
  });
}

function print(found: readonly SuggestionJson[], known: number, ignoreMacs: readonly string[]): void {
  const rows = found.map(({ mac, hostname, kind, vendor, lastSeen, reasons }) => [
    mac,
    hostname ?? '',
    kind ?? vendor ?? '',
    lastSeen.slice(0, 16),
    `it ${reasons.join('; it ')}`,
  ]);
  printTable(
    [
      { title: 'MAC' },
      { title: 'NAME', least: 10, dispensable: 1 },
      { title: 'KIND', least: 10, dispensable: 2 },
      { title: 'LAST SEEN (UTC)', dispensable: 3 },
      { title: 'WHY', least: 30 },
    ],
    rows,
  );
  const seen = `Of ${countWords(known, 'device')} seen lately`;
  if (found.length === 0) {
    process.stdout.write(
      `${seen}, none that is nobody's looks like equipment. A night must pass for most of them to show.\n`,
    );
    return;
  }
  process.stdout.write(
    `${seen}, ${countWords(found.length, 'looks', 'look')} like equipment. Nothing is ignored until you say so.\n`,
  );
  if (found.some(({ needsCare }) => needsCare)) {
    process.stdout.write("Who answers as a server may be an attacker's: look at the device itself first.\n");
  }
  const safe = found.filter(({ needsCare }) => !needsCare).map(({ mac }) => mac);
  if (safe.length === 0) return;
  process.stdout.write('\nTo label them, here or on the status page (in force within two seconds):\n');
  for (const mac of safe) process.stdout.write(`  wifi-monitor label ${mac} --as equipment\n`);
  process.stdout.write(
    `\nOr in the settings (in force after a restart):\nIGNORE_MACS=${[...ignoreMacs, ...safe].join(',')}\n`,
  );
}
