// `wifi-monitor hub` and `wifi-monitor sensor` as they ship.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { message, visit } from '../hub/trial-hub.js';
import { CERTIFICATE, KEY } from '../nexudus/self-signed.js';
import { freePort, type RedisServer, startRedis } from '../redis-server.js';
import { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import { cli } from './cli.js';

const top = new URL('../..', import.meta.url).pathname;
const MAC = '3c:22:fb:00:00:01';
let redis: RedisServer;
let sandbox: Sandbox;
let directory: string;

beforeAll(async () => {
  redis = await startRedis({ args: ['--appendonly', 'yes'] });
  sandbox = await startSandbox();
  directory = await mkdtemp(join(tmpdir(), 'nwm-hub-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
  await sandbox.close();
  await redis.stop();
});

const login = () => ({ NEXUDUS_URL: sandbox.url, NEXUDUS_USERNAME: 'admin@example.com', NEXUDUS_PASSWORD: 'secret' });

test('a sensor is added, listed and revoked; its token is shown once and alone', async () => {
  const env = { REDIS_URL: redis.url };
  const added = await cli(['sensor', 'add', 'madrid-1', '--business', '77'], env);
  expect(added).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^[\w-]{43}$/) });
  const again = await cli(['sensor', 'add', 'madrid-1', '--business', '78'], env);
  expect(again).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('there is a sensor madrid-1 already'),
  });
  expect((await cli(['sensor', 'list'], env)).stdout).toMatch(/madrid-1 +77 .*never[\s\S]*1 sensor\./);
  const json = JSON.parse((await cli(['sensor', 'list', '--json'], env)).stdout);
  expect(json).toMatchObject({ type: 'sensor', name: 'madrid-1', business: 77, lastHeard: null });
  expect(JSON.stringify(json)).not.toContain(added.stdout);
  expect(await cli(['sensor', 'revoke', 'madrid-1'], env)).toMatchObject({ code: 0 });
  expect(await cli(['sensor', 'revoke', 'madrid-1'], env)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('there is no sensor madrid-1'),
  });
});

test.each([
  [['sensor', 'add', 'a b', '--business', '77'], /a name has at most 64 letters/],
  [['sensor', 'add', 'madrid'], /--business/],
  [['sensor', 'add', 'madrid', '--business', '-1'], /number of the location/],
  [['sensor', 'sell'], /unknown subcommand 'sell'/],
])('%j is wrong usage', async (args, words) => {
  expect(await cli(args, { REDIS_URL: redis.url })).toMatchObject({ code: 2, stderr: expect.stringMatching(words) });
});

test('every setting that a hub lacks or must not have is named at once', async () => {
  const { code, stderr } = await cli(['hub'], {
    HUB_URL: 'https://hub.example',
    DRY_RUN: 'true',
    HUB_TLS_KEY_FILE: '/x',
  });
  expect(code).toBe(2);
  for (const name of ['HUB_URL: must not', 'REDIS_URL: must', 'DRY_RUN: must not', 'HUB_TLS_CERT_FILE: must'])
    expect(stderr).toContain(name);
  expect((await cli(['hub'], { REDIS_URL: redis.url })).stderr).toContain('NEXUDUS_USERNAME: must be set');
});

test('a monitor with a hub has no login: both is wrong, and so is a token without a hub or over plain HTTP', async () => {
  const token = 'a'.repeat(43);
  const both = await cli(['monitor'], { ...login(), HUB_URL: 'https://hub.example', HUB_TOKEN: token });
  expect(both).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('NEXUDUS_PASSWORD: must not be set with HUB_URL'),
  });
  const alone = await cli(['monitor'], { HUB_URL: 'http://hub.example' });
  expect(alone.code).toBe(2);
  expect(alone.stderr).toContain('HUB_TOKEN: must be set');
  expect(alone.stderr).toContain('HUB_URL: must be https://');
  expect(alone.stderr).not.toContain('NEXUDUS_BUSINESS_ID');
  const wrong = await cli(['monitor'], { HUB_URL: 'https://hub.example', HUB_TOKEN: 'hunter2 hunter2 hunter2' });
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('HUB_TOKEN: must be the token') });
  expect(wrong.stderr).not.toContain('hunter2');
});

test('a hub with TLS takes what a sensor hands over, reports it, and ends with code 0 at SIGTERM', async () => {
  const [certificate, key] = [join(directory, 'cert.pem'), join(directory, 'key.pem')];
  await writeFile(certificate, CERTIFICATE);
  await writeFile(key, KEY);
  const port = await freePort();
  const env = {
    ...login(),
    REDIS_URL: redis.url,
    HUB_PORT: String(port),
    HUB_TLS_CERT_FILE: certificate,
    HUB_TLS_KEY_FILE: key,
    STATUS_PORT: String(await freePort()),
  };
  const token = (await cli(['sensor', 'add', 'tls', '--business', '77'], { REDIS_URL: redis.url })).stdout;
  const hub = new RunningProcess('node', [`${top}dist/src/cli.js`, 'hub'], { env });
  try {
    await hub.waitForLine(/hub started/);
    await hub.waitForLine(/directory read from Nexudus/);
    const health = await cli(['health'], { STATUS_PORT: env.STATUS_PORT });
    expect(health).toMatchObject({ code: 0, stdout: 'ok' });
    const code = await new Promise<number>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const asking = request(
        { host: '127.0.0.1', port, path: '/v1/hand-over', method: 'POST', headers, ca: CERTIFICATE, agent: false },
        (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        },
      );
      asking.on('error', reject);
      asking.end(JSON.stringify(message([visit(MAC)])));
    });
    expect(code).toBe(200);
    await until('it is reported', () => sandbox.failedCheckins.length === 1);
    await hub.waitForLine(/failed check-in posted/);
    expect((await cli(['sensor'], { REDIS_URL: redis.url })).stdout).toMatch(/tls +77 +\S+ +20/);
    expect((await hub.stop()).code).toBe(0);
    const lines = hub.lines.join('\n');
    expect(lines).not.toContain(token);
    expect(lines).not.toContain(MAC);
    expect(lines).not.toContain('hunter');
  } finally {
    await hub.stop();
  }
});

test('a hub that cannot listen, or read its certificate, says so in one line', async () => {
  const env = { ...login(), REDIS_URL: redis.url, STATUS_PORT: '0' };
  const missing = await cli(['hub'], {
    ...env,
    HUB_PORT: '0',
    HUB_TLS_CERT_FILE: '/nowhere',
    HUB_TLS_KEY_FILE: '/nowhere',
  });
  expect(missing).toMatchObject({ code: 1, stderr: expect.stringMatching(/^wifi-monitor: .*\/nowhere/) });
  const taken = await cli(['hub'], { ...env, HUB_PORT: String(redis.port) });
  expect(taken).toMatchObject({ code: 1, stderr: expect.stringMatching(/^wifi-monitor: .*EADDRINUSE/) });
});
