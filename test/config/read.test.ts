import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ConfigError } from '../../src/config/config.js';
import { readConfig } from '../../src/config/read.js';
import { SECRETS, VARIABLES } from '../../src/config/schema.js';
import { formatDuration, parseDuration } from '../../src/config/values.js';

const GOOD = { NEXUDUS_USERNAME: 'admin@example.com', NEXUDUS_PASSWORD: 'secret', NEXUDUS_BUSINESS_ID: '77' };
const top = new URL('../..', import.meta.url).pathname;

function problemsOf(environment: NodeJS.ProcessEnv): readonly string[] {
  try {
    readConfig(environment, { nexudus: true });
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

test('a login and a location are enough; everything else has its default', () => {
  expect(readConfig(GOOD, { nexudus: true })).toMatchObject({
    nexudusUrl: 'https://spaces.nexudus.com',
    login: { kind: 'password', username: 'admin@example.com', password: 'secret', totpSecret: null },
    businessId: 77,
    visitGapMs: 45 * 60_000,
    reportAgainAfterMs: 12 * 3_600_000,
    settleTimeMs: 3_000,
    interfaces: [],
    redisUrl: null,
    dryRun: false,
    statusPort: 9467,
    logMacs: 'masked',
  });
});

test('every problem is named at once, each with its variable and what would be right', () => {
  const problems = problemsOf({
    NEXUDUS_URL: 'spaces.nexudus.com',
    NEXUDUS_USERNAME: 'admin@example.com',
    NEXUDUS_BUSINESS_ID: 'Madrid',
    VISIT_GAP: '15 minutes',
    REDIS_URL: 'http://:hunter2@localhost',
    IGNORE_MACS: '00:11:22, printer',
    SPACE_TIMEZONE: 'Madrid',
    DRY_RUN: 'maybe',
    STATUS_HOST: '0.0.0.0',
    LOG_LEVEL: 'loud',
    KNOWN_DEVICES_FILE: '/nowhere.csv',
  });
  for (const name of [
    'NEXUDUS_URL',
    'NEXUDUS_PASSWORD',
    'NEXUDUS_BUSINESS_ID',
    'VISIT_GAP',
    'REDIS_URL',
    'IGNORE_MACS',
    'SPACE_TIMEZONE',
    'DRY_RUN',
    'STATUS_TOKEN',
    'LOG_LEVEL',
    'KNOWN_DEVICES_FILE',
  ]) {
    expect(
      problems.filter((problem) => problem.startsWith(`${name}: `)),
      name,
    ).toHaveLength(1);
  }
  expect(problems.join('\n')).not.toContain('hunter2');
});

test('an empty variable counts as unset, as compose files leave them', () => {
  expect(problemsOf({ ...GOOD, SPACE_TIMEZONE: '', REDIS_URL: ' ', VISIT_GAP: '' })).toEqual([]);
});

test('nothing is needed for a dry run but the location', () => {
  expect(problemsOf({ NEXUDUS_BUSINESS_ID: '77', DRY_RUN: 'true' })).toEqual([]);
  expect(problemsOf({})).toHaveLength(2);
});

test('any secret may come from a file, without the line break at its end', () => {
  const directory = mkdtempSync(join(tmpdir(), 'nwm-secret-'));
  const path = join(directory, 'password');
  writeFileSync(path, ' pass word&= \n');
  const config = readConfig({ ...GOOD, NEXUDUS_PASSWORD: undefined, NEXUDUS_PASSWORD_FILE: path }, { nexudus: true });
  expect(config.login).toMatchObject({ password: ' pass word&= ' });
  expect(problemsOf({ ...GOOD, NEXUDUS_PASSWORD_FILE: path })).toEqual([
    'NEXUDUS_PASSWORD_FILE: set either NEXUDUS_PASSWORD or NEXUDUS_PASSWORD_FILE, not both',
  ]);
  expect(problemsOf({ ...GOOD, NEXUDUS_PASSWORD: undefined, NEXUDUS_PASSWORD_FILE: '/nowhere' })[0]).toMatch(/ENOENT/);
});

test('the default of REPORT_AGAIN_AFTER gives way to a shorter RETENTION', () => {
  expect(readConfig({ ...GOOD, RETENTION: '2h' }, { nexudus: true }).reportAgainAfterMs).toBe(2 * 3_600_000);
});

test('RETENTION must outlast what relies on it', () => {
  expect(problemsOf({ ...GOOD, REPORT_AGAIN_AFTER: '48h' })).toEqual([
    'RETENTION: must not be shorter than REPORT_AGAIN_AFTER (2d), which relies on it',
  ]);
  expect(problemsOf({ ...GOOD, VISIT_GAP: '1d' })).toEqual([
    'RETENTION: must be at least VISIT_GAP and SETTLE_TIME and a minute together (1d1m3s)',
  ]);
  expect(problemsOf({ ...GOOD, VISIT_GAP: '1d', RETENTION: '1d1m3s' })).toEqual([]);
});

test('a burst must settle before its visit can end', () => {
  const problem = 'SETTLE_TIME: must be shorter than VISIT_GAP (4s)';
  expect(problemsOf({ ...GOOD, VISIT_GAP: '4s', SETTLE_TIME: '4s' })).toEqual([problem]);
  expect(problemsOf({ ...GOOD, VISIT_GAP: '4s' })).toEqual([]);
});

test.each([
  ['VISIT_GAP', '24d'],
  ['SETTLE_TIME', '10m'],
  ['DIRECTORY_REFRESH', '1d'],
  ['SILENCE_ALARM', '24d'],
])('%s, which becomes a timer, is at most %s, and the problem says so', (name, longest) => {
  const settings = { ...GOOD, RETENTION: '366d' };
  expect(problemsOf({ ...settings, [name]: longest })).toEqual([]);
  expect(problemsOf({ ...settings, [name]: `${longest}1ms` })).toEqual([
    expect.stringMatching(new RegExp(`^${name}: must be a duration .*at most ${longest} `)),
  ]);
});

test.each([
  ['REDIS_URL', 'redis://:hunter2%ss@127.0.0.1'],
  ['REDIS_URL', 'redis://hunter2%zz:x@127.0.0.1'],
  ['NEXUDUS_URL', 'https://admin:hunter2@spaces.nexudus.com'],
  ['NEXUDUS_URL', 'https://hunter2@spaces.nexudus.com'],
  ['NEXUDUS_URL', 'htps://admin:hunter2@spaces.nexudus.com'],
  ['NEXUDUS_TOTP_SECRET', 'hunter2-1'],
  ['NEXUDUS_TOTP_SECRET', 'A'],
])('a wrong %s (%s) is one problem that does not repeat it', (name, value) => {
  const problems = problemsOf({ ...GOOD, [name]: value });
  expect(problems).toEqual([expect.stringMatching(new RegExp(`^${name}: must `))]);
  expect(problems[0]).not.toContain('hunter2');
});

test.each([
  ['REDIS_URL', 'redis://admin:50%25@127.0.0.1/1'],
  ['NEXUDUS_TOTP_SECRET', 'jbsw y3dp-EHPK 3PXP===='],
  ['NEXUDUS_CLIENT_ID', 'left wing, eth0'],
])('%s may be %s', (name, value) => {
  expect(problemsOf({ ...GOOD, [name]: value })).toEqual([]);
});

test.each(['http://spaces.nexudus.com', 'http://10.0.0.5:8480', 'http://127.evil.example', 'http://localhost.example'])(
  'the password is not sent to %s without encryption, unless NEXUDUS_ALLOW_HTTP says so',
  (url) => {
    expect(problemsOf({ ...GOOD, NEXUDUS_URL: url })).toEqual([
      expect.stringMatching(/^NEXUDUS_URL: must be https:.*NEXUDUS_ALLOW_HTTP=true/),
    ]);
    expect(problemsOf({ ...GOOD, NEXUDUS_URL: url, NEXUDUS_ALLOW_HTTP: 'true' })).toEqual([]);
  },
);

test.each([
  'http://127.0.0.1:8480',
  'http://127.9.8.7',
  'http://localhost:8480',
  'http://[::1]:8480',
  'https://10.0.0.5',
])('NEXUDUS_URL may be %s', (url) => expect(problemsOf({ ...GOOD, NEXUDUS_URL: url })).toEqual([]));

test.each([
  ['unix:///run/redis/redis.sock', true],
  ['unix:///run/redis/redis.sock?db=1&username=monitor&password=a%26b', true],
  ['unix://', false],
  ['unix:///', false],
  ['unix://host/run/redis.sock', false],
  ['unix:///run/redis.sock?db=one', false],
  ['unix:///run/redis.sock?pasword=hunter2', false],
  ['unix:///run/%zz', false],
])('REDIS_URL %s: %s', (url, isRight) => {
  const problems = problemsOf({ ...GOOD, REDIS_URL: url });
  expect(problems).toEqual(isRight ? [] : [expect.stringMatching(/^REDIS_URL: must /)]);
  expect(problems.join()).not.toContain('hunter2');
});

test('what goes into an HTTP header is printable ASCII', () => {
  const login = { NEXUDUS_BUSINESS_ID: '77', NEXUDUS_ACCESS_TOKEN: 'hunter2\nX: y' };
  const problems = problemsOf({ ...login, NEXUDUS_CLIENT_ID: 'Büro' });
  expect(problems).toEqual([
    'NEXUDUS_ACCESS_TOKEN: must be printable ASCII, without spaces around it',
    'NEXUDUS_CLIENT_ID: must be printable ASCII, without spaces around it (is "Büro")',
  ]);
});

test.each([
  ['15m', 900_000],
  ['1h30m', 5_400_000],
  ['250ms', 250],
  ['0', 0],
  ['2d', 172_800_000],
])('%s is %i ms', (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds));

test.each(['', '15', '15 m', '-5m', '1.5h', 'm', '5x'])('%j is no duration', (text) =>
  expect(parseDuration(text)).toBeNull(),
);

test('durations are written the way they are read', () => {
  for (const text of ['15m', '3s', '1h30m', '1d', '250ms', '0s'])
    expect(formatDuration(parseDuration(text) ?? -1)).toBe(text);
});

test('the README and .env.example name every variable, with its default, and no others', () => {
  const readme = readFileSync(join(top, 'README.md'), 'utf8');
  const example = readFileSync(join(top, '.env.example'), 'utf8');
  // The settings that only a hub has are told of where hubs are.
  const ofHubs = readFileSync(join(top, 'docker/README.md'), 'utf8');
  for (const { name, initial, meaning } of VARIABLES) {
    const row = `${readme}\n${name.startsWith('HUB_') ? ofHubs : ''}`
      .split('\n')
      .find((line) => line.startsWith(`| \`${name}\` |`));
    expect(row, `${name} in the README`).toContain(meaning.replaceAll('|', '\\|'));
    if (initial !== null) expect(row, `${name} in the README`).toContain(`\`${initial}\``);
    expect(example, `${name} in .env.example`).toMatch(new RegExp(`^#? ?${name}=`, 'm'));
    if (initial !== null) expect(example).toMatch(new RegExp(`^#? ?${name}=${initial.replace(/[.*]/g, '\\$&')}$`, 'm'));
  }
  const known = new Set([...VARIABLES.map(({ name }) => name), ...SECRETS.map((name) => `${name}_FILE`)]);
  const named = [...example.matchAll(/^#? ?([A-Z][A-Z_]+)=/gm)].map(([, name]) => name);
  expect(named.filter((name) => name !== undefined && !known.has(name))).toEqual([]);
});
