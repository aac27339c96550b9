// The start-up time of the command, and that of Node itself.
import { interleaved } from './measured-run.js';
import { heading, megabytes, note, table, times } from './report.js';

const cli = new URL('../../src/cli.js', import.meta.url).pathname;
const JOIN = new URL('../../../test/captures/udhcpc-join.pcap', import.meta.url).pathname;
const ROUNDS = 15;

export async function startUp(): Promise<void> {
  heading('Start-up');
  const costs = await interleaved(
    new Map([
      ['node -e 0', ['node', '-e', '0']],
      ['wifi-monitor --version', ['node', cli, '--version']],
      ['wifi-monitor --help', ['node', cli, '--help']],
      ['wifi-monitor replay of 12 frames', ['node', cli, 'replay', '--json', JOIN]],
    ]),
    ROUNDS,
  );
  const floor = costs.get('node -e 0');
  table(
    ['', 'wall', 'CPU', 'peak', 'wall/node', 'CPU/node'],
    [...costs].map(([name, { wallMs, cpuMs, peakMb }]) => [
      name,
      `${wallMs.toFixed(0)} ms`,
      `${cpuMs.toFixed(0)} ms`,
      megabytes(peakMb),
      times(wallMs / (floor?.wallMs ?? Number.NaN)),
      times(cpuMs / (floor?.cpuMs ?? Number.NaN)),
    ]),
  );
  note(`medians of ${ROUNDS} interleaved rounds`);
}
