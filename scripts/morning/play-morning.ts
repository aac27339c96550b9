// The recorded morning, sped up, through the sensor that ships, with the stand-in for Nexudus behind it.
import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { readConfig } from '../../src/config/read.js';
import { formatDuration } from '../../src/config/values.js';
import { type Sensor, startSensor } from '../../src/sensor/sensor.js';
import { type Sandbox, startSandbox } from '../nexudus-sandbox/sandbox.js';
import { PlayedCapture } from './played-capture.js';

const HOUR_MS = 3_600_000;
const GAP_MS = 45 * 60_000;

export interface PlayedMorning {
  readonly url: string;
  readonly sensor: Sensor;
  readonly sandbox: Sandbox;
  close(): Promise<void>;
}

export interface MorningOptions {
  /** With test/captures in it. */
  readonly top: string;
  /** How many times faster than it was. The default gap of a visit is shortened alike. */
  readonly speed: number;
  /** Of the status page, on loopback. */
  readonly port: number;
}

/** Starts to play. @throws Error when the port is not free */
export async function playMorning({ top, speed, port }: MorningOptions): Promise<PlayedMorning> {
  const captures = `${top}/test/captures`;
  const source = await PlayedCapture.open(`${captures}/morning.pcap`, 'morning.pcap', speed);
  const sandbox = await startSandbox();
  register(sandbox, `${captures}/morning-known.csv`);
  const config = readConfig(
    {
      NEXUDUS_URL: sandbox.url,
      NEXUDUS_USERNAME: 'admin@example.com',
      NEXUDUS_PASSWORD: 'secret',
      NEXUDUS_BUSINESS_ID: '77',
      NEXUDUS_POSTS_PER_MINUTE: '6000',
      VISIT_GAP: formatDuration(Math.max(1_000, Math.round(GAP_MS / speed))),
      SETTLE_TIME: '200ms',
      SILENCE_ALARM: '0s',
      STATUS_PORT: `${port}`,
    },
    { nexudus: true },
  );
  const log = pino({ level: 'silent' });
  const sensor = await startSensor(config, { version: 'demo', log, interfaces: ['morning.pcap'], source });
  const close = async () => {
    await sensor.close();
    await sandbox.close();
  };
  if (sensor.status === null) {
    await close();
    throw new Error(`port ${port} of 127.0.0.1 is not free: set STATUS_PORT to another one`);
  }
  return { url: sensor.status.url, sensor, sandbox, close };
}

/** How long the morning takes at this speed, ms. */
export function morningMs(speed: number): number {
  return (4 * HOUR_MS) / speed;
}

/** The coworkers of the list, with their devices as people type them. */
function register(sandbox: Sandbox, path: string): void {
  const devices = new Map<string, string[]>();
  for (const line of readFileSync(path, 'utf8').trim().split('\n').slice(1)) {
    const [mac = '', name = ''] = line.split(',');
    devices.set(name, [...(devices.get(name) ?? []), mac.toUpperCase().replaceAll(':', '-')]);
  }
  for (const [FullName, macs] of devices) {
    const user = sandbox.users.add({ FullName, Active: true, Devices: macs.join('; ') });
    sandbox.coworkers.add({ UserId: user.Id, FullName, Active: true, Archived: false });
  }
}
