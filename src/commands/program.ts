// The commands and their options, for commander; and what an error becomes on the way out: one clear message and an exit code.
import { Command, CommanderError } from 'commander';
import { ConfigError, loadDotEnv } from '../config.js';

/** Exit codes: 0 done, 1 something failed, 2 wrong usage or configuration. */
const FAILED = 1;
const WRONG_USAGE = 2;

/** Runs what the arguments ask for. Answers the exit code; prints every error itself. */
export async function run(argv: readonly string[], version: string): Promise<number> {
  let exitCode = 0;
  const program = new Command('wifi-monitor')
    .description('Reports every visit of an unregistered device in a coworking space to Nexudus')
    .version(version, '-V, --version', 'print the version')
    .exitOverride()
    .showHelpAfterError('(wifi-monitor --help lists commands and options)')
    .addHelpText('after', '\nSettings come from the environment or a file .env; the README lists them all.');

  program
    .command('monitor')
    .description('listen on the network and report, until SIGTERM or SIGINT')
    .action(async () => {
      exitCode = await (await import('./monitor.js')).monitor();
    });

  program
    .command('replay')
    .description('run capture files (pcap, pcapng) through the same pipeline')
    .argument('<file...>', 'capture files, in the order of time')
    .option('--json', 'print one JSON object a line: each visit, then a summary', false)
    .option('--post', 'really post the failed check-ins to Nexudus (nothing leaves the machine otherwise)', false)
    .option('--known <file>', 'CSV file (mac,name) of known devices')
    .option(
      '--ignore <rule>',
      'ignore these devices: a MAC or its beginning, a vendor or a host name; may be repeated',
      collect,
      [],
    )
    .addHelpText('after', '\nExample:\n  wifi-monitor replay morning.pcap --known devices.csv --ignore "Ubiquiti*"')
    .action(async (files: string[], options: { json: boolean; post: boolean; known?: string; ignore: string[] }) => {
      const { replay } = await import('./replay.js');
      exitCode = await replay(files, { ...options, known: options.known });
    });

  try {
    loadDotEnv();
    await program.parseAsync(argv);
    return exitCode;
  } catch (error) {
    return codeFor(error);
  }
}

function collect(value: string, earlier: string[]): string[] {
  return [
    ...earlier,
    ...value
      .split(',')
      .map((rule) => rule.trim())
      .filter((rule) => rule !== ''),
  ];
}

function codeFor(error: unknown): number {
  // commander has printed its message; help and version are no failure.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE;
  if (error instanceof ConfigError) {
    process.stderr.write(
      `wifi-monitor: the configuration is wrong\n${error.problems.map((problem) => `  ${problem}\n`).join('')}`,
    );
    return WRONG_USAGE;
  }
  process.stderr.write(`wifi-monitor: ${error instanceof Error ? error.message : String(error)}\n`);
  return FAILED;
}
