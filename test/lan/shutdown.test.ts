// The end of a monitor: in order and in time whenever it is asked, with nothing lost; and never half-dead.
import { expect } from 'vitest';
import type { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import { type Deployment, STATUS_PORT } from './deployment.js';
import { sharedLanTest } from './fixture.js';
import type { Client } from './lan.js';

const ROUNDS = 10;

const test = sharedLanTest
  .extend('lanOptions', { scope: 'file' }, { dhcp: false })
  .extend('client', { scope: 'file' }, ({ lan }) => lan.client())
  .extend('start', { scope: 'file' }, ({ deployment }) => {
    // A burst that does not settle by itself: only the end hands it over.
    return (changes: NodeJS.ProcessEnv = {}) => deployment.start({ SETTLE_TIME: '10m', STATUS_PORT, ...changes });
  });

let devices = 0;

async function openVisits(deployment: Deployment): Promise<number> {
  // There is no answer while the monitor starts.
  const { text } = await deployment.status('/healthz').catch(() => ({ text: '{}' }));
  return (JSON.parse(text) as { visits?: { open: number } }).visits?.open ?? 0;
}

/** Another device shows itself once, and the monitor has it in a visit. */
async function arrive(client: Client, deployment: Deployment, monitor: RunningProcess): Promise<string> {
  await monitor.waitForLine(/listening on/);
  const mac = `3c:22:fb:00:0c:${(++devices).toString(16).padStart(2, '0')}`;
  await client.run('ip', ['link', 'set', 'eth0', 'address', mac]);
  await client.useAddress(`10.77.0.${devices}`);
  await client.announce();
  await until('the device is in a visit', async () => (await openVisits(deployment)) === 1);
  return mac;
}

/** Ends it with `signal`. That it ends in time is what supervisors see to: here a test that hangs is a failure. */
async function end(monitor: RunningProcess, signal: NodeJS.Signals): Promise<void> {
  monitor.kill(signal);
  expect(await monitor.exit(), monitor.lines.join('\n')).toEqual({ code: 0, signal: null });
}

test(`${ROUNDS} times a signal at a random moment: exit code 0, and every device that was seen is reported once`, async ({
  deployment,
  client,
  start,
}) => {
  const macs: string[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const monitor = start();
    macs.push(await arrive(client, deployment, monitor));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
    await end(monitor, round % 2 === 0 ? 'SIGTERM' : 'SIGINT');
  }
  const last = start();
  const received = await deployment.received(...macs);
  expect(received).toHaveLength(ROUNDS);
  await end(last, 'SIGTERM');
});

test('a signal at any moment of the start ends it too', async ({ start }) => {
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

test('while Redis does not answer it still ends, and says what could not be handed over', async ({
  deployment,
  client,
  start,
}) => {
  const monitor = start();
  await monitor.waitForLine(/directory read from Nexudus/);
  await arrive(client, deployment, monitor);
  deployment.redis.pause();
  try {
    await end(monitor, 'SIGTERM');
    await monitor.waitForLine(/"visits":1,.*could not be handed over before the end/);
  } finally {
    deployment.redis.resume();
  }
});

test('a second signal ends at once', async ({ deployment, client, start }) => {
  const monitor = start();
  await monitor.waitForLine(/directory read from Nexudus/);
  await arrive(client, deployment, monitor);
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

test.for([
  ['an error that nobody catches', `process.on('SIGUSR2', () => { throw new Error('provoked') })`],
  ['a rejection that nobody handles', `process.on('SIGUSR2', () => void Promise.reject(new Error('provoked')))`],
] as const)('%s is logged with its cause and ends the process with exit code 1', async ([, provocation], { start }) => {
  const preload = `data:text/javascript,${encodeURIComponent(provocation)}`;
  const monitor = start({ NODE_OPTIONS: `--import ${preload}`, STATUS_PORT: '0' });
  await monitor.waitForLine(/monitor started/);
  monitor.kill('SIGUSR2');
  expect((await monitor.exit()).code).toBe(1);
  await monitor.waitForLine(/"level":"fatal".*provoked.*unexpected error/);
});
