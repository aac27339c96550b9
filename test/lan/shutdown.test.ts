// The end of a monitor: in order and in time whenever it is asked, with nothing lost; and never half-dead.
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import { cli, Deployment } from './deployment.js';
import { type Client, Lan, type Sensor } from './lan.js';

const ROUNDS = 10;

let lan: Lan;
let sensor: Sensor;
let deployment: Deployment;
let client: Client;
let devices = 0;

beforeAll(async () => {
  lan = await Lan.create({ dhcp: false });
  sensor = await lan.sensor();
  deployment = await Deployment.start(lan, sensor);
  client = await lan.client();
});

afterAll(async () => {
  await deployment?.stop();
  await lan?.close();
});

function start(changes: NodeJS.ProcessEnv = {}): RunningProcess {
  // A burst that never settles by itself: only the end hands it over.
  const env = deployment.environment({ SETTLE_TIME: '60s', STATUS_PORT: '9467', ...changes });
  return sensor.start('node', [cli, 'monitor'], { env });
}

async function openVisits(): Promise<number> {
  const get = `fetch('http://127.0.0.1:9467/healthz').then((answer) => answer.text()).then((text) => console.log(text), () => console.log('{}'))`;
  const answer = JSON.parse(await sensor.run('node', ['-e', get])) as { visits?: { open: number } };
  return answer.visits?.open ?? 0;
}

/** Another device shows itself once. */
async function arrive(): Promise<string> {
  const mac = `3c:22:fb:00:0c:${(++devices).toString(16).padStart(2, '0')}`;
  await client.run('ip', ['link', 'set', 'eth0', 'address', mac]);
  await client.useAddress(`10.77.0.${devices}`);
  await client.announce();
  return mac;
}

/** Ends it with `signal`; how long that took, in ms. */
async function end(monitor: RunningProcess, signal: NodeJS.Signals): Promise<number> {
  const began = performance.now();
  monitor.kill(signal);
  expect(await monitor.exit(), monitor.lines.join('\n')).toEqual({ code: 0, signal: null });
  return performance.now() - began;
}

test(`${ROUNDS} times a signal at a random moment: exit code 0 in time, and every device that was seen is reported once`, async () => {
  const macs: string[] = [];
  let longestMs = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const monitor = start();
    await monitor.waitForLine(/listening on/);
    macs.push(await arrive());
    await until('the device is in a visit', async () => (await openVisits()) === 1);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
    longestMs = Math.max(longestMs, await end(monitor, round % 2 === 0 ? 'SIGTERM' : 'SIGINT'));
  }
  process.stdout.write(`  the longest end took ${Math.round(longestMs)} ms\n`);
  expect(longestMs).toBeLessThan(10_000);
  const last = start();
  const received = await deployment.received(...macs);
  expect(received).toHaveLength(ROUNDS);
  await end(last, 'SIGTERM');
}, 60_000);

test('a signal at any moment of the start ends it too', async () => {
  const moments = Array.from({ length: 6 }, () => Math.random() * 900);
  await Promise.all(
    moments.map(async (moment) => {
      const monitor = start({ STATUS_PORT: '0' });
      await new Promise((resolve) => setTimeout(resolve, moment));
      monitor.kill('SIGTERM');
      const { code, signal } = await monitor.exit();
      // Before Node runs our first line the signal does what it does to any process.
      if (monitor.lines.length > 0) expect({ code, signal }).toEqual({ code: 0, signal: null });
      else expect(code === 0 || signal === 'SIGTERM').toBe(true);
    }),
  );
});

test('while Redis does not answer it still ends in time, and says what could not be handed over', async () => {
  const monitor = start();
  await monitor.waitForLine(/directory read from Nexudus/);
  await arrive();
  await until('the device is in a visit', async () => (await openVisits()) === 1);
  deployment.redis.pause();
  try {
    expect(await end(monitor, 'SIGTERM')).toBeLessThan(10_000);
    await monitor.waitForLine(/"visits":1,.*could not be handed over before the end/);
  } finally {
    deployment.redis.resume();
  }
});

test('a second signal ends at once', async () => {
  const monitor = start();
  await monitor.waitForLine(/directory read from Nexudus/);
  await arrive();
  await until('the device is in a visit', async () => (await openVisits()) === 1);
  deployment.redis.pause();
  try {
    monitor.kill('SIGTERM');
    await monitor.waitForLine(/"msg":"stopping"/);
    monitor.kill('SIGTERM');
    expect((await monitor.exit()).code).toBe(1);
    expect(monitor.lines.join('\n')).not.toContain('monitor stopped');
  } finally {
    deployment.redis.resume();
  }
});

test.each([
  ['an error that nobody catches', `process.on('SIGUSR2', () => { throw new Error('provoked') })`],
  ['a rejection that nobody handles', `process.on('SIGUSR2', () => void Promise.reject(new Error('provoked')))`],
])('%s is logged with its cause and ends the process with exit code 1', async (_what, provocation) => {
  const preload = `data:text/javascript,${encodeURIComponent(provocation)}`;
  const monitor = start({ NODE_OPTIONS: `--import ${preload}`, STATUS_PORT: '0' });
  await monitor.waitForLine(/monitor started/);
  monitor.kill('SIGUSR2');
  expect((await monitor.exit()).code).toBe(1);
  await monitor.waitForLine(/"level":"fatal".*provoked.*unexpected error/);
});
