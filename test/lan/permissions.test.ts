// Who may capture: an ordinary user with CAP_NET_RAW and nothing else; and what the others are told.
import { chmod, cp, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type RunningProcess, run } from '../run-process.js';
import { cli, type Deployment, top } from './deployment.js';
import { sharedLanTest } from './fixture.js';

const NOBODY = ['--reuid', '65534', '--regid', '65534', '--clear-groups', '--no-new-privs'];

interface Build {
  readonly node: string;
  readonly cli: string;
}

const test = sharedLanTest.extend('build', { scope: 'file' }, async ({ lan }): Promise<Build> => {
  // The LAN's own directory goes with the LAN. Who knows a name in it may pass, nobody may list it.
  await chmod(lan.directory, 0o711);
  return await copyBuild(join(lan.directory, 'build'));
});

/** Copies what runs to where every user may read it: only root may enter some directories that a clone, or Node, is in. */
async function copyBuild(directory: string): Promise<Build> {
  const lockFile = JSON.parse(await readFile(join(top, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean }>;
  };
  const packages = Object.entries(lockFile.packages)
    .filter(([path, { dev }]) => /^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && dev !== true)
    .map(([path]) => path);
  await mkdir(directory);
  for (const path of ['package.json', 'dist/src', ...packages]) {
    await cp(join(top, path), join(directory, path), { recursive: true, dereference: true }).catch((error: unknown) => {
      // Packages for other machines are not installed.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    });
  }
  await cp(process.execPath, join(directory, 'node'));
  await run('chmod', ['-R', 'u=rwX,go=rX', directory]);
  return { node: join(directory, 'node'), cli: join(directory, 'dist/src/cli.js') };
}

function monitorAs(
  capabilities: string,
  build: Build,
  deployment: Deployment,
  settings: NodeJS.ProcessEnv = {},
): RunningProcess {
  const privileges = [
    ...NOBODY,
    '--bounding-set',
    capabilities,
    '--inh-caps',
    capabilities,
    '--ambient-caps',
    capabilities,
  ];
  return deployment.sensor.start('setpriv', [...privileges, '--', build.node, build.cli, 'monitor'], {
    cwd: '/',
    env: deployment.environment(settings),
  });
}

test('an ordinary user with CAP_NET_RAW alone reports devices, and stops in order', async ({
  lan,
  deployment,
  build,
}) => {
  const monitor = monitorAs('-all,+net_raw', build, deployment);
  await monitor.waitForLine(/listening on/);
  await monitor.waitForLine(/directory read from Nexudus/);
  const client = await lan.client({ mac: '3c:22:fb:00:09:01', hostname: 'guest' });
  await client.lease();
  await deployment.received('3c:22:fb:00:09:01');
  expect(monitor.lines.join('\n')).not.toContain('running as root');
  expect(await monitor.stop()).toEqual({ code: 0, signal: null });
});

test('an ordinary user with CAP_NET_RAW alone can ask silent devices as well', async ({
  lan,
  sensor,
  deployment,
  build,
}) => {
  await sensor.run('ip', ['address', 'add', '10.77.0.2/24', 'dev', 'eth0']);
  const monitor = monitorAs('-all,+net_raw', build, deployment, { PROBE_PRESENT: 'true', VISIT_GAP: '12s' });
  await monitor.waitForLine(/eth0: devices that are silent are asked/);
  const client = await lan.client({ mac: '3c:22:fb:00:09:02' });
  const listening = await client.tcpdump(['-i', 'eth0', 'arp']);
  await client.useAddress('10.77.0.31');
  await client.announce();
  await listening.waitForLine(/Request who-has 10\.77\.0\.31 tell 10\.77\.0\.2/);
  expect(await monitor.stop()).toEqual({ code: 0, signal: null });
  await sensor.run('ip', ['address', 'flush', 'dev', 'eth0']);
});

test('an ordinary user without it is told so in one line, and the exit code is 1', async ({ deployment, build }) => {
  const monitor = monitorAs('-all', build, deployment);
  expect(await monitor.exit()).toEqual({ code: 1, signal: null });
  expect(monitor.stderr).toEqual([
    'wifi-monitor: cannot capture on eth0: permission denied. Run as root or grant CAP_NET_RAW (see README, "Permissions")',
  ]);
});

test('root is told that root is not needed', async ({ deployment }) => {
  const monitor = await deployment.monitor();
  await monitor.waitForLine(/running as root, which is not needed/);
  await monitor.stop();
});

test('promiscuous mode is off unless it is asked for', async ({ sensor, deployment }) => {
  const promiscuity = async () =>
    /promiscuity (\d+)/.exec(await sensor.run('ip', ['-details', 'link', 'show', 'eth0']))?.[1];
  const monitor = await deployment.monitor();
  expect(await promiscuity()).toBe('0');
  await monitor.stop();
  const asked = await deployment.monitor({ CAPTURE_PROMISCUOUS: 'true' });
  // Once for each of the two captures: frames, and keep-alives.
  expect(await promiscuity()).toBe('2');
  await asked.stop();
});

test('interfaces are listed with what speaks for and against each', async ({ sensor, build }) => {
  await sensor.run('ip', ['tuntap', 'add', 'tun0', 'mode', 'tun']);
  await sensor.run('ip', ['link', 'set', 'tun0', 'up']);
  const list = async (...privileges: string[]) => {
    const command = ['--', build.node, build.cli, 'interfaces', '--json'];
    const output = await sensor.run('setpriv', [...privileges, ...command], { cwd: '/' });
    type Row = { name: string; capture: boolean | null; recommended: boolean; advice: string };
    return output.split('\n').map((line) => JSON.parse(line) as Row);
  };
  const rows = await list('--bounding-set', '+net_raw');
  expect(rows.map(({ name, capture, recommended }) => [name, capture, recommended])).toEqual([
    ['eth0', true, true],
    ['lo', true, false],
    ['tun0', true, false],
  ]);
  expect(rows.find(({ name }) => name === 'tun0')?.advice).toContain('not Ethernet');
  const asNobody = await list(...NOBODY);
  expect(asNobody.find(({ name }) => name === 'eth0')).toMatchObject({ capture: false, recommended: true });
  const table = await sensor.run('node', [cli, 'interfaces']);
  expect(table).toMatch(/^INTERFACE +UP +LINK +MAC/);
  expect(table).toMatch(/^eth0 +yes +yes .*recommended/m);
});
