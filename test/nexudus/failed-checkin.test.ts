import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { parseMac } from '../../src/addresses/mac-address.js';
import { PROTOCOLS } from '../../src/decode/protocol.js';
import { createNexudusClient, type NexudusClient } from '../../src/nexudus/client.js';
import { type CheckinFacts, failedCheckinBody } from '../../src/nexudus/failed-checkin.js';
import { findFailedCheckin, postFailedCheckin } from '../../src/nexudus/failed-checkin-records.js';

const MAC = parseMac('3c:22:fb:00:00:01') ?? 0;
const FACTS: CheckinFacts = {
  businessId: 77,
  mac: MAC,
  startMs: Date.parse('2025-01-15T10:30:59.999Z'),
  localStart: null,
  kind: null,
  hostname: 'annas-laptop',
  ipv4: 0xc0a80117,
  ipv6: null,
  via: ['dhcp', 'arp'],
  inactive: null,
};
const PRIVATE_MAC = 0xda0000000001;
/** Of a block that nobody registered. */
const NOBODYS_MAC = 0x00ffff000001;
/** The block with the longest name of all. */
const LONG_VENDOR_MAC = 0x48a6b8000001;

describe('the body', () => {
  test('holds what the design says and nothing else', () => {
    expect(failedCheckinBody(FACTS)).toEqual({
      BusinessId: 77,
      CheckinAttemptTime: '2025-01-15T10:30:59Z',
      Source: 3,
      MacAddresses: '3C:22:FB:00:00:01',
      Description: 'Unrecognised device: Apple, Inc., hostname annas-laptop, IP 192.168.1.23, seen by DHCP and ARP.',
    });
  });

  test('leaves out of the sentence what is not known', () => {
    const unknown = { ...FACTS, mac: NOBODYS_MAC, hostname: null, ipv4: 0, via: ['ndp'] as const };
    expect(failedCheckinBody(unknown).Description).toBe('Unrecognised device: unknown vendor, seen by NDP.');
  });

  test('says when the address is private', () => {
    const phone = { ...FACTS, mac: PRIVATE_MAC, via: ['dhcpv6'] as const };
    expect(failedCheckinBody(phone).Description).toBe(
      'Unrecognised device: private (randomised) address, hostname annas-laptop, IP 192.168.1.23, seen by DHCPv6.',
    );
  });

  test('says what kind of device it is, unless the vendor says the same', () => {
    const phone = { ...FACTS, mac: PRIVATE_MAC, kind: 'iPhone', hostname: null, ipv4: 0 };
    expect(failedCheckinBody(phone).Description).toBe(
      'Unrecognised device: iPhone, private (randomised) address, seen by DHCP and ARP.',
    );
    expect(failedCheckinBody({ ...FACTS, kind: 'Apple' }).Description).toMatch(
      /^Unrecognised device: Apple, Inc\., host/,
    );
    expect(failedCheckinBody({ ...FACTS, kind: 'Mac' }).Description).toMatch(
      /^Unrecognised device: Mac, Apple, Inc\., /,
    );
  });

  test('names an IPv6 address only where there is no IPv4 address', () => {
    const both = { ...FACTS, ipv6: '2001:db8::1' };
    expect(failedCheckinBody(both).Description).toContain('IP 192.168.1.23,');
    expect(failedCheckinBody({ ...both, ipv4: 0 }).Description).toContain('IP 2001:db8::1,');
  });

  test('names the coworker, the plan, the teams and the reason for a registered device', () => {
    const inactive = { coworkerId: 9, name: 'Anna Smith', status: 'archived' } as const;
    expect(failedCheckinBody({ ...FACTS, inactive }, { tariff: 'Hot desk', teams: ['Rowers', 'Cooks'] })).toMatchObject(
      {
        CoworkerId: 9,
        TariffAtTheTimeOfCheckin: 'Hot desk',
        TeamsAtTheTimeOfCheckin: 'Rowers,Cooks',
        Description:
          'Device of Anna Smith (account archived): Apple, Inc., hostname annas-laptop, IP 192.168.1.23, seen by DHCP and ARP.',
      },
    );
    const bare = failedCheckinBody({ ...FACTS, inactive }, { tariff: null, teams: [] });
    expect(bare).not.toHaveProperty('TariffAtTheTimeOfCheckin');
    expect(bare).not.toHaveProperty('TeamsAtTheTimeOfCheckin');
  });

  test('carries the local time that the sensor noted', () => {
    expect(failedCheckinBody({ ...FACTS, localStart: '2025-01-15T11:30:59' }).CheckinAttemptTimeLocal).toBe(
      '2025-01-15T11:30:59',
    );
  });

  test('keeps every fact when names are long: the hostname gives way', () => {
    const long = failedCheckinBody({
      ...FACTS,
      mac: PRIVATE_MAC,
      kind: 'Android 14',
      hostname: 'h'.repeat(300),
      ipv4: 0,
      ipv6: '2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff',
      via: ['arp', 'dhcp', 'ndp', 'dhcpv6'],
      inactive: { coworkerId: 9, name: 'N'.repeat(300), status: 'inactive' },
    }).Description;
    expect(long.length).toBeLessThanOrEqual(250);
    expect(long).toMatch(
      /^Device of N{39}… \(account inactive\): Android 14, private \(randomised\) address, hostname h{16,}…, IP 2001:\S+ffff, seen by/,
    );
    expect(long).toMatch(/seen by ARP, DHCP, NDP and DHCPv6\.$/);
  });

  test('is a whole sentence of at most 250 characters for any text', () => {
    const text = fc.string({ unit: 'binary', maxLength: 400 });
    const inactive = fc.option(
      fc.record({ coworkerId: fc.nat(), name: text, status: fc.constantFrom('inactive', 'archived') }),
    );
    const plan = fc.record({ tariff: fc.option(text), teams: fc.array(text, { maxLength: 5 }) });
    const facts = fc.record({
      mac: fc.constantFrom(MAC, PRIVATE_MAC, NOBODYS_MAC, LONG_VENDOR_MAC),
      kind: fc.option(text),
      hostname: fc.option(text),
      ipv4: fc.nat(),
      ipv6: fc.option(text),
      via: fc.uniqueArray(fc.constantFrom(...PROTOCOLS)),
      inactive,
    });
    fc.assert(
      fc.property(facts, plan, (more, booked) => {
        const body = failedCheckinBody({ ...FACTS, ...more }, booked);
        expect(body.Description.length).toBeLessThanOrEqual(250);
        expect(body.Description).toMatch(/^(Unrecognised device|Device of ).*[.…]$/u);
        expect(JSON.stringify(body)).not.toMatch(/[\p{Cc}\p{Cf}]|\\u/u);
      }),
    );
  });
});

describe('posting and finding', () => {
  let sandbox: Sandbox;
  let client: NexudusClient;
  afterEach(async () => {
    await client.close();
    await sandbox.close();
  });

  async function start(options: Parameters<typeof startSandbox>[0] = {}): Promise<void> {
    sandbox = await startSandbox(options);
    const auth = { kind: 'password', username: 'admin@example.com', password: 'secret', totpSecret: null } as const;
    client = createNexudusClient({ url: sandbox.url, auth });
  }

  const BODY = failedCheckinBody({ ...FACTS, localStart: '2025-01-15T11:30:59' });

  test('a posted body arrives as it is, and its Id comes back', async () => {
    await start();
    const id = await postFailedCheckin(client, BODY);
    expect(sandbox.failedCheckins).toMatchObject([{ ...BODY, Id: id }]);
  });

  test('a record that was made is found, whatever Nexudus made of its MAC and time', async () => {
    await start();
    const id = await postFailedCheckin(client, BODY);
    expect(await findFailedCheckin(client, BODY)).toBe(id);
    const [record] = sandbox.failedCheckins;
    for (const [mac, time] of [
      ['3c:22:fb:00:00:01', '2025-01-15T10:30:59.997Z'],
      ['3C:22:FB:00:00:01', '2025-01-15T10:30:59'],
      ['a4:83:e7:12:34:56, 3C:22:FB:00:00:01', '2025-01-15T11:30:59+01:00'],
    ]) {
      Object.assign(record ?? {}, { MacAddresses: mac, CheckinAttemptTime: time });
      expect(await findFailedCheckin(client, BODY), `${mac} at ${time}`).toBe(id);
    }
  });

  test('what is not the same second, MAC and business is not found', async () => {
    await start();
    expect(await findFailedCheckin(client, BODY)).toBeNull();
    for (const other of [
      { CheckinAttemptTime: '2025-01-15T10:30:58Z' },
      { CheckinAttemptTime: '2025-01-15T10:31:00Z' },
      { MacAddresses: '3C:22:FB:00:00:02' },
      { BusinessId: 78 },
    ]) {
      await postFailedCheckin(client, { ...BODY, ...other });
    }
    expect(await findFailedCheckin(client, BODY)).toBeNull();
  });

  test('is searched for by business, MAC and minute first', async () => {
    await start();
    await findFailedCheckin(client, BODY);
    const [, first] = sandbox.requests;
    expect(Object.fromEntries(new URL(first?.path ?? '', sandbox.url).searchParams)).toMatchObject({
      FailedCheckin_Business: '77',
      FailedCheckin_MacAddresses: '3C:22:FB:00:00:01',
      from_FailedCheckin_CheckinAttemptTime: '2025-01-15T10:29',
      to_FailedCheckin_CheckinAttemptTime: '2025-01-15T10:32',
    });
  });

  test.each([-14, -1, 8, 12])('is found even when ranges are read in a zone %i h behind UTC', async (hours) => {
    await start({ rangeOffsetMs: hours * 3_600_000 });
    const id = await postFailedCheckin(client, BODY);
    expect(await findFailedCheckin(client, BODY)).toBe(id);
  });

  test('is found beyond the first page', async () => {
    await start({ maxPageSize: 10 });
    for (let i = 0; i < 35; i++)
      await postFailedCheckin(client, { ...BODY, CheckinAttemptTime: '2025-01-15T10:30:58Z' });
    const id = await postFailedCheckin(client, BODY);
    expect(await findFailedCheckin(client, BODY)).toBe(id);
  });

  test('is found in the full record when the list hides the fields', async () => {
    await start();
    const id = await postFailedCheckin(client, BODY);
    const summary = { Records: [{ Id: id, CheckinAttemptTime: null }], CurrentPage: 1, HasNextPage: false };
    sandbox.fault({
      method: 'GET',
      path: '/api/spaces/failedcheckins',
      action: { kind: 'answer', status: 200, body: summary },
    });
    expect(await findFailedCheckin(client, BODY)).toBe(id);
  });
});
