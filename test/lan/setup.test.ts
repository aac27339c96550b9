// `wifi-monitor setup` as a person meets it: on a terminal, with the sandbox, a real Redis and real devices on the network.
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { afterEach, beforeEach, expect } from 'vitest';
import { Pty } from '../commands/pty.js';
import { cli } from './deployment.js';
import { sharedLanTest } from './fixture.js';

/** No environment file holds it so that all who read such files agree. */
const ODD_PASSWORD = 'it\'s "$HOME" \\`x` ';

const test = sharedLanTest.override('seed', {
  accounts: [
    { username: 'admin@example.com', password: 'secret' },
    { username: 'odd@example.com', password: ODD_PASSWORD },
  ],
  coworkers: [{ Id: 5, UserId: null, FullName: 'Anna Keller', Active: true, Archived: false, InvoicingBusinessId: 77 }],
});

const URL = 'http://127.0.0.1:8480';
let directory: string;
let terminal: Pty | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'nwm-setup-'));
});
afterEach(async () => {
  terminal?.stop();
  await rm(directory, { recursive: true });
});

function start(netns: string, ...args: string[]): Pty {
  terminal = new Pty([process.execPath, cli, 'setup', ...args], { netns, cwd: directory, env: { NEXUDUS_URL: URL } });
  return terminal;
}

const written = (name = '.env') => parseEnv(readFileSync(join(directory, name), 'utf8'));
const modeOf = (name: string) => statSync(join(directory, name)).mode & 0o777;

test('asks again after each wrong answer, counts what each interface hears, writes .env for its owner alone, and ends with doctor', async ({
  lan,
  sensor,
  deployment,
}) => {
  // Nobody has a say in these until they are asked for anew; other lines stay.
  writeFileSync(
    join(directory, '.env'),
    '# mine\nLOG_MACS=full\nNEXUDUS_PASSWORD_FILE=/nowhere\nSPACE_TIMEZONE=Asia/Tokyo\n',
    {
      mode: 0o644,
    },
  );
  const setup = start(sensor.netns);
  await setup.answer(/E-mail of the monitor's account.*: $/, 'admin@example.com');
  await setup.answer(/password \(not shown\): $/, ODD_PASSWORD);
  await setup.answer(/cannot be written into \.env.*--compose.*password \(not shown\): $/s, 'open sesame');
  await setup.answer(/Nexudus refuses the login.*incorrect\. Try again.*E-mail.*\[admin@example\.com\]: $/s, '');
  await setup.answer(/password \(not shown\): $/, 'secret');
  await setup.answer(/two-factor login, if it has one: $/, 'no!');
  await setup.answer(/must be the base32 secret.*two-factor login, if it has one: $/s, '');
  await setup.answer(/Nexudus takes the login.*Number of the location.*: $/s, 'the loft');
  await setup.answer(/must be a whole number.*Number of the location.*: $/s, '99');
  await setup.answer(/sees no coworker of location 99, but of 77.*Take it all the same\? \(y\/n\) \[n\]: $/s, 'maybe');
  await setup.answer(/Write y or n.*\[n\]: $/s, '');
  await setup.answer(/Number of the location.*: $/, '77');
  await setup.waitFor(/1 coworker of this location seen.*eth0 +0 devices heard.*Interface \[eth0\]: $/s);
  await (await lan.client()).lease();
  await setup.waitFor(/eth0 +[12] devices? heard/);
  setup.type('eth9\r');
  await setup.waitFor(/There is no interface eth9 that is up: write one of .*eth0/);
  setup.type('eth0\r');
  await setup.answer(/Time zone of the location \[Asia\/Tokyo\]: $/, 'Madrid');
  await setup.answer(/must be a time zone name such as.*Time zone of the location.*: $/s, 'Europe/Madrid');
  await setup.answer(/Redis, which keeps visits.*: $/, 'redis://127.0.0.1:1/0');
  await setup.answer(/Redis cannot be reached.*Redis, which keeps visits.*: $/s, deployment.redis.url);
  await setup.waitFor(/Redis answers.*ok +configuration.*ok +login/s);
  // This Redis keeps no append-only file, which doctor does not let pass.
  expect(await setup.exit()).toBe(1);
  expect(setup.shown).toMatch(/FAIL +Redis +AOF persistence is off.*start it with "wifi-monitor monitor"/s);
  expect(setup.shown).not.toMatch(/open sesame|secret(?! shown when)/);
  expect(modeOf('.env')).toBe(0o600);
  expect(written()).toEqual({
    NEXUDUS_URL: URL,
    NEXUDUS_USERNAME: 'admin@example.com',
    NEXUDUS_PASSWORD: 'secret',
    NEXUDUS_BUSINESS_ID: '77',
    CAPTURE_INTERFACE: 'eth0',
    SPACE_TIMEZONE: 'Europe/Madrid',
    REDIS_URL: deployment.redis.url,
    LOG_MACS: 'full',
  });
  expect(readFileSync(join(directory, '.env'), 'utf8')).toMatch(/^# mine\nLOG_MACS=full\n# NEXUDUS_PASSWORD_FILE=\n/);
});

test('who ends it before the last question has written nothing', async ({ sensor, deployment }) => {
  expect(deployment.sensor).toBe(sensor);
  const setup = start(sensor.netns);
  await setup.answer(/E-mail.*: $/, 'admin@example.com');
  await setup.answer(/password \(not shown\): $/, 'secret');
  await setup.waitFor(/Number of the location.*: $/);
  setup.type('\u0003');
  expect(await setup.exit()).toBe(1);
  expect(setup.shown).toMatch(/nothing was written/);
  expect(() => statSync(join(directory, '.env'))).toThrow(/ENOENT/);
});

test('--compose writes the secrets that compose.yaml mounts, and keeps the password of Redis', async ({
  sensor,
  deployment,
}) => {
  expect(deployment.sensor).toBe(sensor);
  mkdirSync(join(directory, 'docker'));
  writeFileSync(join(directory, 'docker/compose.yaml'), 'services: {}\n');
  for (const round of [1, 2]) {
    const setup = start(sensor.netns, '--compose', 'docker');
    await setup.answer(/E-mail.*: $/, round === 1 ? 'odd@example.com' : '');
    await setup.answer(/password \(not shown\): $/, ODD_PASSWORD);
    await setup.answer(/Number of the location.*: $/, round === 1 ? '77' : '');
    await setup.answer(/Interface \[eth0\]: $/, '');
    await setup.answer(/Time zone.*: $/, 'Europe/Madrid');
    await setup.waitFor(/docker compose up --detach --build/);
    expect(await setup.exit()).toBe(0);
    const redisUrl = readFileSync(join(directory, 'docker/secrets/redis_url'), 'utf8');
    expect(redisUrl).toMatch(/^redis:\/\/:[0-9a-f]{48}@127\.0\.0\.1:6379\/0\n$/);
    if (round === 1) writeFileSync(join(directory, 'before'), redisUrl);
    expect(redisUrl).toBe(readFileSync(join(directory, 'before'), 'utf8'));
  }
  expect(readFileSync(join(directory, 'docker/secrets/nexudus_password'), 'utf8')).toBe(`${ODD_PASSWORD}\n`);
  expect([modeOf('docker/.env'), modeOf('docker/secrets')]).toEqual([0o600, 0o700]);
  const settings = written('docker/.env');
  expect(settings).toMatchObject({
    NEXUDUS_USERNAME: 'odd@example.com',
    NEXUDUS_BUSINESS_ID: '77',
    CAPTURE_INTERFACE: 'eth0',
  });
  expect(settings).not.toHaveProperty('NEXUDUS_PASSWORD');
  expect(settings).not.toHaveProperty('REDIS_URL');
});

test('without a terminal it says what it would ask, and ends with exit code 2', async ({ sensor }) => {
  const setup = sensor.start('node', [cli, 'setup'], { cwd: directory });
  expect((await setup.exit()).code).toBe(2);
  expect(setup.stdout.join('\n')).toMatch(/needs a terminal.*NEXUDUS_USERNAME.*REDIS_URL/s);
  expect(() => statSync(join(directory, '.env'))).toThrow(/ENOENT/);
});
