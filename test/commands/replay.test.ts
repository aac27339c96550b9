// `wifi-monitor replay` as a person or a script meets it.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { pcapBytes, START_MS } from '../capture/pcap-bytes.js';
import { ACK, ARP, arp, ascii, DISCOVER, dhcpFrame, ethernet, option, REQUEST } from '../decode/frames.js';
import { RunningProcess } from '../run-process.js';
import { cli } from './cli.js';

const top = new URL('../..', import.meta.url).pathname;

const directory = mkdtempSync(join(tmpdir(), 'nwm-replay-'));
afterAll(() => rmSync(directory, { recursive: true }));

const LAPTOP = '3c:22:fb:00:00:01';
const PHONE = 'da:a1:19:00:00:02';
const PRINTER = '00:1b:21:00:00:03';

function file(name: string, content: Buffer | string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function announce(mac: string, ip: string, atMs: number) {
  return { frame: ethernet(ARP, arp({ sha: mac, spa: ip }), { source: mac }), atMs: START_MS + atMs };
}

const JOIN = file(
  'join.pcap',
  pcapBytes([
    {
      frame: dhcpFrame(
        { type: DISCOVER, chaddr: LAPTOP, options: [option(12, ascii('bens-laptop')), option(60, ascii('MSFT 5.0'))] },
        { source: LAPTOP },
      ),
      atMs: START_MS,
    },
    announce(LAPTOP, '192.168.1.23', 1_234),
    announce(PHONE, '192.168.1.24', 5_000),
    announce(LAPTOP, '192.168.1.23', 60_000),
    announce(LAPTOP, '192.168.1.23', 3_600_000),
    { frame: Buffer.from('ffffffffffff3c22fb0000010806000108', 'hex'), atMs: START_MS + 3_600_001 },
  ]),
);

const lines = (text: string): unknown[] => text.split('\n').map((line) => JSON.parse(line));

test('--json prints one line a visit and a summary, exactly as promised, and nothing else', async () => {
  const { stdout, stderr, code } = await cli(['replay', '--json', JOIN], {
    NEXUDUS_BUSINESS_ID: '77',
    SPACE_TIMEZONE: 'Europe/Madrid',
  });
  expect({ stderr, code }).toEqual({ stderr: '', code: 0 });
  const [first, phone, second, summary, ...more] = lines(stdout);
  expect(more).toEqual([]);
  expect(first).toEqual({
    type: 'visit',
    mac: LAPTOP,
    vendor: 'Apple, Inc.',
    kind: 'Windows',
    randomised: false,
    firstSeen: '2026-09-21T14:13:20.000Z',
    lastSeen: '2026-09-21T14:14:20.000Z',
    sightings: 3,
    via: ['arp', 'dhcp'],
    ips: ['192.168.1.23'],
    hostname: 'bens-laptop',
    vendorClass: 'MSFT 5.0',
    vlan: null,
    decision: 'unrecognised',
    reason: 'nobody registered this address',
    coworker: null,
    failedCheckin: {
      BusinessId: 77,
      CheckinAttemptTime: '2026-09-21T14:13:20Z',
      CheckinAttemptTimeLocal: '2026-09-21T16:13:20',
      Source: 3,
      MacAddresses: '3C:22:FB:00:00:01',
      Description: expect.stringMatching(
        /^Unrecognised device: Windows, Apple, Inc\.,.*bens-laptop.*192\.168\.1\.23.*DHCP and ARP\.$/,
      ),
    },
  });
  expect(phone).toMatchObject({
    mac: PHONE,
    vendor: null,
    kind: null,
    randomised: true,
    hostname: null,
    vendorClass: null,
    sightings: 1,
  });
  expect(second).toMatchObject({ mac: LAPTOP, firstSeen: '2026-09-21T15:13:20.000Z', sightings: 1 });
  expect(summary).toEqual({
    type: 'summary',
    files: [JOIN],
    frames: 6,
    sightings: 5,
    malformed: 1,
    malformedBy: { 'short-arp': 1 },
    visits: 3,
    unrecognised: 3,
    recognised: 0,
    ignored: 0,
    posted: 0,
    complete: true,
    seconds: expect.any(Number),
  });
  expect(Object.keys(summary as object)).toEqual([
    'type',
    'files',
    'frames',
    'sightings',
    'malformed',
    'malformedBy',
    'visits',
    'unrecognised',
    'recognised',
    'ignored',
    'posted',
    'complete',
    'seconds',
  ]);
});

test('--known and --ignore decide, and say why', async () => {
  const known = file('known.csv', `mac,name\n${PHONE},Anna Keller\n`);
  const { stdout } = await cli(['replay', '--json', '--known', known, '--ignore', 'bens-*', JOIN]);
  expect(lines(stdout)).toMatchObject([
    { mac: LAPTOP, decision: 'ignored', reason: 'its host name matches the ignore rule bens-*', failedCheckin: null },
    { mac: PHONE, decision: 'recognised', coworker: { id: null, name: 'Anna Keller' }, failedCheckin: null },
    // Its second visit shows no host name.
    { mac: LAPTOP, decision: 'unrecognised' },
    { type: 'summary', recognised: 1, ignored: 1, unrecognised: 1 },
  ]);
});

test('without --json a person gets a table and a sentence', async () => {
  const { stdout, code } = await cli(['replay', JOIN]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^FROM +TO +MAC +DEVICE/);
  expect(stdout).toMatch(/3c:22:fb:00:00:01 +Windows, Apple, Inc\. +bens-laptop +192\.168\.1\.23 +unrecognised/);
  expect(stdout).toMatch(
    /3 visits: 3 unrecognised, 0 recognised, 0 ignored\. 6 frames\s\(5 sightings, 1 malformed: 1 short-arp\)/,
  );
});

test('a phone with a new private address is tied to its earlier one in the reason, but stays a visit of its own', async () => {
  const earlier = '7e:3b:91:04:d2:58';
  const join = (chaddr: string, atMs: number) => ({
    frame: dhcpFrame({ type: DISCOVER, chaddr, options: [option(12, ascii('Annas-Phone'))] }, { source: chaddr }),
    atMs: START_MS + atMs,
  });
  const capture = file('kin.pcap', pcapBytes([join(earlier, 0), join(PHONE, 10_000)]));
  const known = file('kin.csv', `${earlier},Anna Keller`);
  const { stdout } = await cli(['replay', '--json', '--known', known, capture]);
  expect(lines(stdout)).toMatchObject([
    { mac: earlier, decision: 'recognised' },
    {
      mac: PHONE,
      decision: 'unrecognised',
      reason:
        'nobody registered this private (randomised) address; ' +
        'it shows the same host name as 7e:3b:91:04:d2:58, which is here too, registered by Anna Keller',
    },
    { visits: 2 },
  ]);
});

test('the DHCP server and the router it announces are never visitors', async () => {
  const router = '18:fd:74:20:00:01';
  const options = [option(54, [192, 168, 1, 2]), option(3, [192, 168, 1, 1])];
  const capture = file(
    'router.pcap',
    pcapBytes([
      { frame: dhcpFrame({ type: REQUEST, chaddr: LAPTOP }, { source: LAPTOP }), atMs: START_MS },
      {
        frame: dhcpFrame(
          { type: ACK, chaddr: LAPTOP, yiaddr: '192.168.1.23', options },
          { source: PRINTER },
          { source: '192.168.1.2' },
        ),
        atMs: START_MS + 1,
      },
      announce(router, '192.168.1.1', 10),
      announce(PRINTER, '192.168.1.2', 20),
    ]),
  );
  const { stdout } = await cli(['replay', '--json', capture]);
  expect(lines(stdout)).toMatchObject([
    { mac: LAPTOP, decision: 'unrecognised' },
    { mac: router, decision: 'ignored', reason: 'this is the router that DHCP announces' },
    { mac: PRINTER, decision: 'ignored', reason: 'this is the DHCP server' },
    { type: 'summary', ignored: 2 },
  ]);
});

test.each([
  ['a file that is not there', '/nowhere/morning.pcap', /morning\.pcap/],
  ['a file that is no capture', file('notes.txt', 'hello, this is no capture file'), /notes\.txt/],
  ['an empty file', file('empty.pcap', ''), /empty\.pcap/],
  ['a directory', directory, /directory/],
])(
  '%s: one clear line on stderr, exit code 1, and the summary says that it is not complete',
  async (_what, path, message) => {
    const { stdout, stderr, code } = await cli(['replay', '--json', path]);
    expect(code).toBe(1);
    expect(stderr.split('\n')).toHaveLength(1);
    expect(stderr).toMatch(message);
    expect(stderr).not.toMatch(/ at .*:\d+/);
    expect(lines(stdout)).toMatchObject([{ type: 'summary', complete: false, visits: 0 }]);
  },
);

test('a truncated capture: what came before is reported, then one clear line and exit code 1', async () => {
  const whole = pcapBytes([announce(LAPTOP, '192.168.1.23', 0), announce(PHONE, '192.168.1.24', 1_000)]);
  const { stdout, stderr, code } = await cli(['replay', '--json', file('cut.pcap', whole.subarray(0, -5))]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/cut\.pcap.*frame 2/);
  expect(lines(stdout)).toMatchObject([{ mac: LAPTOP }, { type: 'summary', complete: false, visits: 1 }]);
});

test('one bad file among good ones does not hide the others', async () => {
  const { stdout, code } = await cli(['replay', '--json', '/nowhere.pcap', JOIN]);
  expect(code).toBe(1);
  expect(lines(stdout)).toHaveLength(4);
});

test('two recordings of the same time are one set of visits', async () => {
  const { stdout } = await cli(['replay', '--json', JOIN, JOIN]);
  expect(lines(stdout)).toMatchObject([
    { mac: LAPTOP, sightings: 6 },
    { mac: PHONE },
    { mac: LAPTOP },
    { type: 'summary', visits: 3 },
  ]);
});

test('several wrong settings are named at once, exit code 2, before anything is read', async () => {
  const { stdout, stderr, code } = await cli(['replay', '--json', '--known', '/nowhere.csv', JOIN], {
    VISIT_GAP: 'soon',
    IGNORE_MACS: 'printer',
    SPACE_TIMEZONE: 'Madrid',
  });
  expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
  for (const name of ['VISIT_GAP', 'IGNORE_MACS', 'SPACE_TIMEZONE', '--known']) expect(stderr).toContain(`${name}: `);
});

test('--ignore with what is almost an address is refused, together with what else is wrong, exit code 2', async () => {
  const args = ['replay', '--known', '/nowhere.csv', '--ignore', '3c:22:zz,bens-*', '--ignore', '3c22fb', JOIN];
  const { stdout, stderr, code } = await cli(args);
  expect({ stdout, code }).toEqual({ stdout: '', code: 2 });
  expect(stderr.split('\n')).toEqual([
    'wifi-monitor: wrong usage or settings',
    expect.stringMatching(/^ {2}--known: /),
    expect.stringMatching(/^ {2}--ignore: "3c:22:zz" is not a MAC address or the beginning of one, such as 00:11:22/),
    expect.stringMatching(/^ {2}--ignore: "3c22fb" is not a MAC address/),
  ]);
});

test.each([[['replay']], [['replay', '--jsn', 'x.pcap']], [['reply', 'x.pcap']], [['replay', '--known']]])(
  'wrong usage %j exits with 2',
  async (args) => {
    const { stderr, code } = await cli(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: /);
  },
);

test('--post really posts, once, however often the capture is replayed; registered devices are left out', async () => {
  const sandbox = await startSandbox();
  sandbox.users.add({ Id: 1, FullName: 'Anna Keller', Active: true, Devices: PHONE });
  const env = {
    NEXUDUS_URL: sandbox.url,
    NEXUDUS_USERNAME: 'admin@example.com',
    NEXUDUS_PASSWORD: 'secret',
    NEXUDUS_BUSINESS_ID: '77',
    NEXUDUS_POSTS_PER_MINUTE: '60000',
    REPORT_AGAIN_AFTER: '0s',
  };
  try {
    const first = await cli(['replay', '--json', '--post', JOIN], env);
    expect({ code: first.code, stderr: first.stderr }).toEqual({ code: 0, stderr: '' });
    expect(lines(first.stdout).at(-1)).toMatchObject({ unrecognised: 2, recognised: 1, posted: 2 });
    const second = await cli(['replay', '--json', '--post', JOIN], env);
    expect(lines(second.stdout).at(-1)).toMatchObject({ unrecognised: 2, posted: 0 });
    const third = await cli(['replay', '--post', JOIN], env);
    expect(third.stdout).toMatch(/0 failed check-ins posted, 2 were there already\.$/);
    const later = await cli(['replay', '--post', '--since', '2026-09-21T15:00Z', JOIN], env);
    expect(later.stdout).toMatch(/0 failed check-ins posted, 1 was there already\.$/);
    const dry = await cli(['replay', '--post', JOIN], { ...env, DRY_RUN: 'true' });
    expect(dry.stdout).toMatch(/DRY_RUN: nothing was posted\.$/);
    expect(
      sandbox.failedCheckins.map(({ MacAddresses, CheckinAttemptTime }) => [MacAddresses, CheckinAttemptTime]),
    ).toEqual([
      ['3C:22:FB:00:00:01', '2026-09-21T14:13:20Z'],
      ['3C:22:FB:00:00:01', '2026-09-21T15:13:20Z'],
    ]);
  } finally {
    await sandbox.close();
  }
});

test('--post without a way to Nexudus posts nothing, and one line says so and what to do, exit code 1', async () => {
  const { stdout, stderr, code } = await cli(['replay', '--post', JOIN], {
    NEXUDUS_URL: 'http://127.0.0.1:1',
    NEXUDUS_USERNAME: 'admin@example.com',
    NEXUDUS_PASSWORD: 'secret',
    NEXUDUS_BUSINESS_ID: '77',
  });
  expect({ stdout, code }).toEqual({ stdout: '', code: 1 });
  expect(stderr).toBe(
    'wifi-monitor: the registered devices cannot be read from Nexudus at http://127.0.0.1:1: ' +
      'POST /api/token: cannot connect: connection refused (ECONNREFUSED) ' +
      '(nothing was posted; without --post the capture is replayed offline)',
  );
});

test('without --post nothing leaves the machine, even with a login at hand', async () => {
  const sandbox = await startSandbox();
  try {
    const env = {
      NEXUDUS_URL: sandbox.url,
      NEXUDUS_USERNAME: 'admin@example.com',
      NEXUDUS_PASSWORD: 'secret',
      NEXUDUS_BUSINESS_ID: '77',
    };
    await cli(['replay', JOIN], env);
    expect(sandbox.requests).toEqual([]);
  } finally {
    await sandbox.close();
  }
});

test('settings are read from .env in the working directory, and the environment wins', async () => {
  writeFileSync(join(directory, '.env'), 'NEXUDUS_BUSINESS_ID=5\nVISIT_GAP=2h\n');
  const fromFile = await cli(['replay', '--json', JOIN], {}, directory);
  expect(lines(fromFile.stdout)).toMatchObject([
    { failedCheckin: { BusinessId: 5 }, sightings: 4 },
    { mac: PHONE },
    { visits: 2 },
  ]);
  const both = await cli(['replay', '--json', JOIN], { NEXUDUS_BUSINESS_ID: '6' }, directory);
  expect(lines(both.stdout)[0]).toMatchObject({ failedCheckin: { BusinessId: 6 } });
});

test.each([
  ['a reader that stops reading', 'replay --json "$1" | true', 0],
  ['help that is cut short', '--help | true', 0],
  ['a full disk', 'replay --json "$1" >/dev/full', 1],
])('%s makes no stack trace', async (_what, command, code) => {
  const shell = new RunningProcess('bash', [
    '-c',
    `set -o pipefail; node ${top}dist/src/cli.js ${command}`,
    'bash',
    JOIN,
  ]);
  expect((await shell.exit()).code).toBe(code);
  expect(shell.stderr.join('\n')).not.toMatch(/Error|\bat /);
});

test('a .env that cannot be read is a problem that names it, exit code 2', async () => {
  const place = mkdtempSync(join(directory, 'env-'));
  mkdirSync(join(place, '.env'));
  const { stderr, code } = await cli(['replay', JOIN], {}, place);
  expect(code).toBe(2);
  expect(stderr).toMatch(/\.env: it is there but cannot be read \(EISDIR\)/);
});

test('the environment wins over .env, also where one names a secret and the other its file', async () => {
  const place = mkdtempSync(join(directory, 'env-'));
  writeFileSync(join(place, '.env'), 'NEXUDUS_PASSWORD_FILE=/nowhere\nNEXUDUS_USERNAME=admin@example.com\n');
  const { code } = await cli(['replay', '--json', JOIN], { NEXUDUS_PASSWORD: 'from the environment' }, place);
  expect(code).toBe(0);
});

test.each([
  [['--since', '2026-02-30T11:00Z'], /Write a time such as/],
  [['--since', '2026-03-02', '--until', '2026-03-01'], /--since: must be before --until/],
  [['--explain', '3c:22:fb:00:00:01', '--json'], /cannot be used with option '--json'/],
])('%j is refused', async (options, message) => {
  const { stderr, code } = await cli(['replay', ...options, JOIN]);
  expect(code).toBe(2);
  expect(stderr).toMatch(message);
});
