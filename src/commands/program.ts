// The commands and their options, for commander; and what an error becomes on the way out: one clear message and an exit code.
import { Command, CommanderError, Option } from 'commander';
import type { MacAddress } from '../addresses/mac-address.js';
import { ConfigError } from '../config/config.js';
import { loadDotEnv } from '../config/dot-env.js';
import type { DecisionKind } from '../devices/decision.js';
import { LABEL_KINDS, type LabelKind } from '../devices/labels.js';
import { businessOf, collectRules, deviceMacOf, labelNameOf, macOf, timeOf, watchMsOf } from './arguments.js';
import type { LabelRequest } from './label.js';
import type { DropFlags } from './outbox.js';

/** Exit codes: 0 done, 1 something failed, 2 wrong usage or configuration. */
const FAILED = 1;
const WRONG_USAGE = 2;

/** Takes the exit code of the command that ran. */
type ExitWith = (code: number) => void;

/** Runs the command that the arguments name. Returns the exit code; prints every error itself. */
export async function run(argv: readonly string[], version: string): Promise<number> {
  let exitCode = 0;
  const exitWith = (code: number) => {
    exitCode = code;
  };
  const program = new Command('wifi-monitor')
    .description('Reports unregistered devices in a coworking space to Nexudus, each once a working day')
    .version(version, '-V, --version', 'print the version')
    .exitOverride()
    .showHelpAfterError('(wifi-monitor --help lists commands and options)')
    .addHelpText('after', '\nSettings come from the environment or a file .env; the README lists them all.');
  // In the order in which the help lists them: what a new operator needs first.
  addSetup(program, exitWith);
  addDoctor(program, exitWith);
  addInterfaces(program, exitWith);
  addMonitor(program, exitWith, version);
  addHealth(program, exitWith);
  addSuggest(program, exitWith);
  addLabel(program, exitWith);
  addDevices(program, exitWith);
  addOutbox(program, exitWith);
  addReplay(program, exitWith);
  addExport(program, exitWith);
  addForget(program, exitWith);
  addPurge(program, exitWith);
  addHub(program, exitWith, version);
  addSensor(program, exitWith);
  try {
    loadDotEnv();
    await program.parseAsync(argv);
    return exitCode;
  } catch (error) {
    return codeFor(error);
  }
}

function addMonitor(program: Command, exitWith: ExitWith, version: string): void {
  program
    .command('monitor')
    .description('listen on the network and report, until SIGTERM or SIGINT')
    .action(async () => {
      exitWith(await (await import('./monitor.js')).monitor(version));
    });
}

function addInterfaces(program: Command, exitWith: ExitWith): void {
  program
    .command('interfaces')
    .description('list the network interfaces, and which one to listen on')
    .option('--json', 'print one JSON object a line', false)
    .action(async (options: { json: boolean }) => {
      exitWith((await import('./interfaces.js')).interfaces(options));
    });
}

function addHealth(program: Command, exitWith: ExitWith): void {
  program
    .command('health')
    .description('ask the running monitor how it does; fails when only a restart could help')
    .action(async () => {
      exitWith(await (await import('./health.js')).health());
    });
}

const REPLAY_EXAMPLES = `
Examples:
  wifi-monitor replay morning.pcap --known devices.csv --ignore "Ubiquiti*"
  wifi-monitor replay "monday-*.pcap" --only unrecognised --since 2026-03-02T09:00Z
  wifi-monitor replay morning.pcap --explain 3c:22:fb:4a:11:02
  wifi-monitor replay morning.pcap --json | jq 'select(.decision == "unrecognised") | .mac'`;

/** A record, so that a new decision is a compile error here. In a replay no visit is pending. */
const SHOWN_DECISIONS: Readonly<Record<Exclude<DecisionKind, 'pending'>, true>> = {
  unrecognised: true,
  recognised: true,
  ignored: true,
};

interface ReplayFlags {
  readonly json: boolean;
  readonly post: boolean;
  readonly known?: string;
  readonly ignore: readonly string[];
  readonly only?: DecisionKind;
  readonly since?: number;
  readonly until?: number;
  readonly explain?: MacAddress;
}

function addReplay(program: Command, exitWith: ExitWith): void {
  program
    .command('replay')
    .description('run capture files (pcap, pcapng) through the same pipeline')
    .argument('<file...>', 'capture files, or patterns such as "day-*.pcap"; they are read in the order of time')
    .option('--json', 'print one JSON object a line: each visit, then a summary', false)
    .option(
      '--post',
      'really post the failed check-ins to Nexudus, none twice (nothing leaves the machine otherwise)',
      false,
    )
    .option('--known <file>', 'CSV file (mac,name) of known devices')
    .option(
      '--ignore <rule>',
      'ignore devices: a MAC or its beginning, a vendor or a host name; may be repeated',
      collectRules,
      [],
    )
    .addOption(new Option('--only <decision>', 'show only these visits').choices(Object.keys(SHOWN_DECISIONS)))
    .option('--since <time>', 'leave out frames before: 2026-03-02T09:00Z', timeOf)
    .option('--until <time>', 'leave out frames from then on', timeOf)
    .addOption(new Option('--explain <mac>', 'tell the story of one device').argParser(macOf).conflicts('json'))
    .addHelpText('after', REPLAY_EXAMPLES)
    .action(async (files: string[], options: ReplayFlags) => {
      const { replay } = await import('./replay/replay.js');
      const { json, post, known, ignore, only, since, until, explain } = options;
      if (since !== undefined && until !== undefined && since >= until) {
        throw new ConfigError(['--since: must be before --until']);
      }
      const window = { sinceMs: since ?? Number.NEGATIVE_INFINITY, untilMs: until ?? Number.POSITIVE_INFINITY };
      exitWith(await replay(files, { json, post, known, ignore, only, window, explain }));
    });
}

function addDevices(program: Command, exitWith: ExitWith): void {
  program
    .command('devices')
    .description('list the devices that are known')
    .option('--json', 'print one JSON object a line', false)
    .action(async (options: { json: boolean }) => {
      exitWith(await (await import('./devices.js')).devices(options));
    });
}

function addOutbox(program: Command, exitWith: ExitWith): void {
  const outbox = program
    .command('outbox')
    .description('list what waits for Nexudus and what it refused, or act on it')
    .hook('preSubcommand', refuseUnknownSubcommand);
  outbox
    .command('list', { isDefault: true })
    .description('list the entries that are not delivered (the default)')
    .option('--json', 'print one JSON object a line', false)
    .action(async (options: { json: boolean }) => {
      exitWith(await (await import('./outbox.js')).outboxList(options));
    });
  outbox
    .command('retry')
    .description('send a refused entry once more')
    .argument('[id]', 'ID of the entry')
    .option('--all', 'every refused entry', false)
    .action(async (id: string | undefined, options: { all: boolean }) => {
      exitWith(await (await import('./outbox.js')).outboxRetry(id, options));
    });
  outbox
    .command('drop')
    .description('take an entry out for good, or many')
    .argument('[id]', 'ID of the entry')
    .option('--all', 'every entry, refused ones too', false)
    .option('--unproven', 'those of devices that have shown themselves only once', false)
    .option('--before <time>', 'those that were added before: 2026-03-02T09:00Z', timeOf)
    .action(async (id: string | undefined, options: DropFlags) => {
      exitWith(await (await import('./outbox.js')).outboxDrop(id, options));
    });
}

/** Without this, commander passes an unknown word to the default subcommand, which complains of too many arguments. */
function refuseUnknownSubcommand(command: Command): void {
  const names = command.commands.map((subcommand) => subcommand.name());
  const word = command.args.find((argument) => !argument.startsWith('-'));
  if (word === undefined || names.includes(word)) return;
  command.error(`error: unknown subcommand '${word}' of ${command.name()}: there are ${names.join(', ')}`);
}

function addForget(program: Command, exitWith: ExitWith): void {
  program
    .command('forget')
    .description('remove a device everywhere it is kept outside Nexudus')
    .argument('<mac>', 'its MAC address', macOf)
    .option('--labels', 'also remove its label', false)
    .action(async (mac: MacAddress, options: { labels: boolean }) => {
      exitWith(await (await import('./forget.js')).forget(mac, options));
    });
}

function addExport(program: Command, exitWith: ExitWith): void {
  program
    .command('export')
    .description('print all that is kept about a device outside Nexudus, in words')
    .argument('<mac>', 'its MAC address', macOf)
    .option('--json', 'print one JSON object', false)
    .action(async (mac: MacAddress, options: { json: boolean }) => {
      exitWith(await (await import('./export.js')).exportDevice(mac, options));
    });
}

function addPurge(program: Command, exitWith: ExitWith): void {
  program
    .command('purge')
    .description('remove everything that this project ever wrote into Redis, after a question')
    .option('--yes', 'do not ask', false)
    .action(async (options: { yes: boolean }) => {
      exitWith(await (await import('./purge.js')).purge(options));
    });
}

interface LabelFlags {
  readonly as?: LabelKind;
  readonly name?: string;
  readonly remove: boolean;
  readonly json: boolean;
}

/** @throws ConfigError for options that make no sense together */
function labelRequest(mac: MacAddress | undefined, { as: kind, name, remove }: LabelFlags): LabelRequest {
  if (mac === undefined) {
    if (kind === undefined && name === undefined && !remove) return { kind: 'list' };
    throw new ConfigError(['label: give the MAC address of the device']);
  }
  if (remove) return { kind: 'remove', mac };
  if (kind === undefined) throw new ConfigError(['label: give --as equipment, --as known, or --remove']);
  return { kind: 'set', mac, as: kind, name: name ?? null };
}

function addLabel(program: Command, exitWith: ExitWith): void {
  program
    .command('label')
    .description('say once and for all what a device is, so that it is not reported; without a MAC: list the labels')
    .argument('[mac]', 'MAC address of the device', deviceMacOf)
    .addOption(
      new Option('--as <kind>', "equipment: never report it; known: it is somebody's")
        .choices(LABEL_KINDS)
        .conflicts('remove'),
    )
    .addOption(new Option('--name <text>', 'whose it is, or what it is').argParser(labelNameOf).conflicts('remove'))
    .option('--remove', 'remove the label', false)
    .option('--json', 'print one JSON object a line', false)
    .action(async (mac: MacAddress | undefined, options: LabelFlags) => {
      const label = await import('./label.js');
      exitWith(await label.label(labelRequest(mac, options), options));
    });
}

function addHub(program: Command, exitWith: ExitWith, version: string): void {
  program
    .command('hub')
    .description('take the visits that sensors in many locations hand over, and report, until SIGTERM or SIGINT')
    .action(async () => {
      exitWith(await (await import('./hub.js')).hub(version));
    });
}

function addSensor(program: Command, exitWith: ExitWith): void {
  const sensor = program
    .command('sensor')
    .description('add, list or revoke the sensors that may hand over to the hub')
    .hook('preSubcommand', refuseUnknownSubcommand);
  sensor
    .command('add')
    .description("print a new sensor's token, for HUB_TOKEN; it is shown this once")
    .argument('<name>', 'a name of your choice, such as madrid-1')
    .requiredOption('--business <number>', 'the location: the number in the address of its page in Nexudus', businessOf)
    .action(async (name: string, { business }: { business: number }) => {
      exitWith(await (await import('./sensor.js')).sensorAdd(name, business));
    });
  sensor
    .command('list', { isDefault: true })
    .description('list the sensors (the default)')
    .option('--json', 'print one JSON object a line', false)
    .action(async (options: { json: boolean }) => {
      exitWith(await (await import('./sensor.js')).sensorList(options));
    });
  sensor
    .command('revoke')
    .description("make a sensor's token worthless at once")
    .argument('<name>', 'the name of the sensor')
    .action(async (name: string) => {
      exitWith(await (await import('./sensor.js')).sensorRevoke(name));
    });
}

function addSuggest(program: Command, exitWith: ExitWith): void {
  program
    .command('suggest')
    .description('list devices that look like equipment and are not labelled, with the reasons; changes nothing')
    .option('--json', 'print one JSON object a line', false)
    .action(async (options: { json: boolean }) => {
      exitWith(await (await import('./suggest.js')).suggest(options));
    });
}

function addDoctor(program: Command, exitWith: ExitWith): void {
  program
    .command('doctor')
    .description('try everything the monitor needs, and say what to do about what is wrong')
    .addOption(
      new Option('--watch [duration]', 'also listen for a while (1m), and say whether the sensor is in the right place')
        .argParser(watchMsOf)
        .preset('1m'),
    )
    .action(async ({ watch }: { watch?: number }) => {
      exitWith(await (await import('./doctor/doctor.js')).doctor({ watchMs: watch ?? null }));
    });
}

function addSetup(program: Command, exitWith: ExitWith): void {
  program
    .command('setup')
    .description('ask for what the monitor needs, try each answer, and write it to .env')
    .option('--compose <directory>', 'write .env and secrets/ beside the compose.yaml in this directory instead')
    .action(async ({ compose }: { compose?: string }) => {
      exitWith(await (await import('./setup/setup.js')).setup({ composeDirectory: compose ?? null }));
    });
}

function codeFor(error: unknown): number {
  // commander has printed its message; help and version are no failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE;
  if (error instanceof ConfigError) {
    process.stderr.write(
      `wifi-monitor: wrong usage or settings\n${error.problems.map((problem) => `  ${problem}\n`).join('')}`,
    );
    return WRONG_USAGE;
  }
  process.stderr.write(`wifi-monitor: ${error instanceof Error ? error.message : String(error)}\n`);
  return FAILED;
}
