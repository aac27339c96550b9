// What devices send to everybody, far more of it than there ever is: whether anything is lost, what it costs, and whether sightings
// wait.
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, Lan, type Sensor } from '../../test/lan/lan.js';
import type { RunningProcess } from '../../test/run-process.js';
import { until } from '../../test/until.js';
import type { Heard, Second } from './hear-keep-alives.js';
import { fileOf, KEEP_ALIVES } from './inputs.js';
import { announce, cpuMs, residentMb } from './live.js';
import { quantile } from './measured-run.js';
import { heading, note, table } from './report.js';

const hearKeepAlives = new URL('./hear-keep-alives.js', import.meta.url).pathname;

const PACKETS_A_SECOND = 50_000;
const SECONDS = 60;
/** Of what it is compared with. */
const OTHER_SECONDS = 20;
/** Devices that come while it is measured, fifty a second. */
const PAUSE_MS = 20;
/** Beyond the numbers of the devices that chatter. */
const FIRST_NEW = 100_000;

interface Phase {
  readonly name: string;
  readonly seconds: number;
  readonly keepAlives: number;
  readonly prolonging: number;
  readonly drops: string;
  readonly cpuShare: number;
  readonly residentMb: number;
  readonly collections: number;
  readonly sent: number;
  readonly heard: number;
  readonly latencyMs: readonly number[];
}

const lineOf = (line: string) => JSON.parse(line) as Second | Heard;

/** What the process says of itself after now. */
async function second(reader: RunningProcess): Promise<Second> {
  const [line] = await reader.waitForLine(/^{"frames".*/, { after: reader.lines.length });
  return lineOf(line) as Second;
}

/** New devices come one after the other for so long. */
async function measure(
  name: string,
  seconds: number,
  reader: RunningProcess,
  client: Client,
  first: number,
): Promise<Phase> {
  const before = await second(reader);
  const beganMs = performance.now();
  const cpuBefore = cpuMs(reader);
  const after = reader.lines.length;
  const sent = await announce(client, first, Math.floor((seconds * 1_000) / PAUSE_MS), PAUSE_MS);
  const tookMs = performance.now() - beganMs;
  const cpuShare = (cpuMs(reader) - cpuBefore) / tookMs;
  const now = await second(reader);
  const heard = new Map<number, number>();
  for (const line of reader.lines.slice(after)) {
    const said = lineOf(line);
    if ('mac' in said) heard.set(said.mac, said.heardMs);
  }
  const latencyMs = sent.flatMap(({ mac, sentMs }) => (heard.has(mac) ? [(heard.get(mac) ?? 0) - sentMs] : []));
  const since = (field: keyof Second) => now[field] - before[field];
  return {
    name,
    seconds: tookMs / 1_000,
    keepAlives: since('keepAlives'),
    prolonging: since('prolonging'),
    drops: `${since('droppedKeepAlives')} + ${since('droppedByKernel')}`,
    cpuShare,
    residentMb: residentMb(reader),
    collections: since('collections'),
    sent: sent.length,
    heard: latencyMs.length,
    latencyMs,
  };
}

/** Sends keep-alives for so long and a little longer; resolves once they are on their way. */
async function chatter(client: Client, seconds: number): Promise<{ sending: RunningProcess; count: number }> {
  const loops = Math.ceil((PACKETS_A_SECOND * (seconds + 5)) / KEEP_ALIVES.frames);
  const pace = ['--preload-pcap', '--pps', `${PACKETS_A_SECOND}`, '--loop', `${loops}`];
  const sending = client.start('tcpreplay', ['-q', '-i', 'eth0', ...pace, await fileOf(KEEP_ALIVES)]);
  const packets = async () => Number(await client.run('cat', ['/sys/class/net/eth0/statistics/tx_packets']));
  const before = await packets();
  await until('keep-alives are on their way', async () => (await packets()) > before + PACKETS_A_SECOND);
  return { sending, count: loops * KEEP_ALIVES.frames };
}

/** A process that captures, with every device in a visit and its code compiled. */
async function started(sensor: Sensor, client: Client, ...mode: string[]): Promise<RunningProcess> {
  const reader = sensor.start('node', [hearKeepAlives, 'eth0', ...mode]);
  await second(reader);
  await announce(client, 0, KEEP_ALIVES.devices, 1);
  await until('every device is in a visit', async () => (await second(reader)).open === KEEP_ALIVES.devices);
  await announce(client, FIRST_NEW, 100, 5);
  await delay(2_000);
  return reader;
}

export async function keepAlives(): Promise<void> {
  heading(`Keep-alives: ${PACKETS_A_SECOND} a second for ${SECONDS} s, of ${KEEP_ALIVES.devices} devices in visits`);
  if (process.getuid?.() !== 0) return note('left out: network namespaces take root');
  await fileOf(KEEP_ALIVES);
  const lan = await Lan.create({ dhcp: false });
  try {
    const sensor = await lan.sensor();
    const [talker, newcomers] = [await lan.client(), await lan.client()];
    const alone = await started(sensor, newcomers, 'alone');
    const phases = [await measure('none are sent', OTHER_SECONDS, alone, newcomers, 2 * FIRST_NEW)];
    const uncaptured = await chatter(talker, OTHER_SECONDS);
    phases.push(await measure('sent, not captured', OTHER_SECONDS, alone, newcomers, 3 * FIRST_NEW));
    await uncaptured.sending.exit();
    await alone.stop();

    const reader = await started(sensor, newcomers);
    phases.push(await measure('none are sent, captured', OTHER_SECONDS, reader, newcomers, 2 * FIRST_NEW));
    const { sending, count } = await chatter(talker, SECONDS);
    phases.push(await measure('sent and captured', SECONDS, reader, newcomers, 3 * FIRST_NEW));
    if (!sending.isRunning) note('the sender was done too early');
    await sending.exit();
    await delay(1_000);
    const last = await second(reader);
    await reader.stop();
    table(
      [
        'keep-alives',
        'taken',
        'a second',
        'in visits',
        'dropped',
        'CPU',
        'resident',
        'GCs',
        'sightings',
        'p50',
        'p99',
        'most',
      ],
      phases.map((phase) => [
        phase.name,
        `${phase.keepAlives}`,
        `${Math.round(phase.keepAlives / phase.seconds)}`,
        `${phase.prolonging}`,
        phase.drops,
        `${(phase.cpuShare * 100).toFixed(1)} %`,
        `${phase.residentMb.toFixed(1)} MB`,
        `${phase.collections}`,
        `${phase.heard} of ${phase.sent}`,
        ...[0.5, 0.99, 1].map((share) => `${quantile(phase.latencyMs, share).toFixed(1)} ms`),
      ]),
    );
    note(
      'dropped: keep-alives + sightings, by the kernel; CPU of one core; times from a frame on the wire to its sighting',
    );
    console.log(
      `all in all ${last.keepAlives} of ${count} keep-alives taken, ${last.droppedKeepAlives} dropped, broken off ` +
        `${last.brokenOffKeepAlives} times; ${last.open} visits open`,
    );
  } finally {
    await lan.close();
  }
}
