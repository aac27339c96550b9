// Reading the known devices from the sandbox, in its honest and in its reticent moods.
import { afterEach, describe, expect, test } from 'vitest';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { formatMac, type MacAddress } from '../../src/addresses/mac-address.js';
import { createNexudusClient, type NexudusClient, NexudusError } from '../../src/nexudus/client.js';
import {
  type FullReads,
  type KnownDevicesBatch,
  type KnownDevicesOptions,
  type KnownUser,
  minimumInterval,
  type RangeMargins,
  readKnownDevices,
} from '../../src/nexudus/known-devices.js';

const [A, B, C, D] = ['3c:22:fb:00:00:0a', '3c:22:fb:00:00:0b', '3c:22:fb:00:00:0c', '3c:22:fb:00:00:0d'] as const;
const DAY_MS = 86_400_000;
const UNPACED = { pace: async () => {} };

let sandbox: Sandbox;
let client: NexudusClient;
afterEach(async () => {
  await client.close();
  await sandbox.close();
});

async function start(options: SandboxOptions = {}): Promise<void> {
  sandbox = await startSandbox(options);
  const auth = { kind: 'password', username: 'admin@example.com', password: 'secret', totpSecret: null } as const;
  client = createNexudusClient({ url: sandbox.url, auth });
}

async function batches(options: KnownDevicesOptions = {}): Promise<KnownDevicesBatch[]> {
  const all: KnownDevicesBatch[] = [];
  for await (const batch of readKnownDevices(client, { ...UNPACED, ...options })) all.push(batch);
  return all;
}

async function read(
  options: KnownDevicesOptions = {},
): Promise<Map<number, Omit<KnownUser, 'macs'> & { macs: string[] }>> {
  const users = (await batches(options)).flatMap((batch) => batch.users);
  return new Map(users.map((user) => [user.userId, { ...user, macs: user.macs.map(formatMac) }]));
}

function pathsRead(): string[] {
  return sandbox.requests.map(({ path }) => path).filter((path) => path !== '/api/token');
}

const singleReads = () => pathsRead().filter((path) => /^\/api\/sys\/users\/\d+$/.test(path));

describe('a full reading', () => {
  test('joins users, their coworkers and their registered devices', async () => {
    await start();
    const anna = sandbox.users.add({ FullName: 'Anna', Devices: `${A}, ${B}` });
    const bert = sandbox.users.add({ FullName: 'Bert', Devices: '', Active: false });
    const staff = sandbox.users.add({ FullName: 'Carla', Devices: C });
    const nobody = sandbox.users.add({ FullName: 'Dora', Devices: 'my phone' });
    const coworker = sandbox.coworkers.add({ UserId: anna.Id, FullName: 'Anna Ltd' });
    sandbox.registeredDevices.add({ UserId: bert.Id, DeviceId: D.toUpperCase().replaceAll(':', '-') });
    sandbox.registeredDevices.add({ UserId: staff.Id, DeviceId: '550e8400-e29b-41d4-a716-446655440000' });

    const users = await read();
    expect(users.get(anna.Id)).toEqual({
      userId: anna.Id,
      name: 'Anna',
      active: true,
      coworker: { id: coworker.Id, name: 'Anna Ltd', active: true, archived: false },
      macs: [A, B],
    });
    expect(users.get(bert.Id)).toMatchObject({ name: 'Bert', active: false, coworker: null, macs: [D] });
    expect(users.get(staff.Id)).toMatchObject({ name: 'Carla', coworker: null, macs: [C] });
    expect(users.has(nobody.Id)).toBe(false);
  });

  test('of an empty account is one empty batch', async () => {
    await start();
    expect(await batches()).toEqual([{ startedAt: expect.any(Date), full: true, users: [], unread: 0 }]);
  });

  test('prefers the coworker who is here when a user has several', async () => {
    await start();
    const user = sandbox.users.add({ Devices: A });
    sandbox.coworkers.add({ UserId: user.Id, Archived: true });
    sandbox.coworkers.add({ UserId: user.Id, Active: false });
    const present = sandbox.coworkers.add({ UserId: user.Id });
    sandbox.coworkers.add({ UserId: user.Id, Archived: true, Active: false });
    expect((await read()).get(user.Id)?.coworker?.id).toBe(present.Id);
  });

  test('says when the only coworker is inactive or archived', async () => {
    await start();
    const user = sandbox.users.add({ Devices: A });
    sandbox.coworkers.add({ UserId: user.Id, Active: false, Archived: true });
    expect((await read()).get(user.Id)?.coworker).toMatchObject({ active: false, archived: true });
  });

  test('knows a registered device that belongs to nobody, or to a user that the list does not show', async () => {
    await start();
    const device = sandbox.registeredDevices.add({ UserId: null, DeviceId: A, Name: 'Door tablet' });
    sandbox.registeredDevices.add({ UserId: 4711, DeviceId: B, Name: 'Old laptop', Active: false });
    const users = await read();
    expect(users.get(-device.Id)).toMatchObject({ name: 'Door tablet', coworker: null, macs: [A] });
    expect(users.get(4711)).toMatchObject({ name: 'Old laptop', macs: [B] });
  });

  test('reads the full record of each user whose Devices the list hides, likely ones first', async () => {
    await start({ devicesInLists: (user) => user.FullName === 'Shown' });
    const shown = sandbox.users.add({ FullName: 'Shown', Devices: A });
    const gone = sandbox.users.add({ FullName: 'Gone', Devices: B, Active: false });
    const hidden = sandbox.users.add({ FullName: 'Hidden', Devices: C });
    sandbox.registeredDevices.add({ UserId: hidden.Id, DeviceId: D });
    sandbox.coworkers.add({ UserId: hidden.Id, FullName: 'Hidden Ltd' });
    const none = sandbox.users.add({ FullName: 'None', Devices: null });

    const all = await batches();
    expect(all.map(({ unread, users }) => [unread, users.map(({ name }) => name)])).toEqual([
      [3, ['Shown']],
      [2, ['Hidden']],
      [0, ['Gone']],
    ]);
    expect(all[1]?.users[0]).toMatchObject({ coworker: { name: 'Hidden Ltd' } });
    expect(all[1]?.users[0]?.macs.map(formatMac).sort()).toEqual([C, D]);
    expect(singleReads().sort()).toEqual([gone, hidden, none].map(({ Id }) => `/api/sys/users/${Id}`));
    expect(singleReads()).not.toContain(`/api/sys/users/${shown.Id}`);
  });

  test('takes an empty Devices string at its word', async () => {
    await start();
    sandbox.users.add({ Devices: '' });
    await read();
    expect(singleReads()).toEqual([]);
  });

  test('reads a full record again only when it has changed', async () => {
    await start({ devicesInLists: false });
    const [one, two] = [sandbox.users.add({ Devices: A }), sandbox.users.add({ Devices: null })];
    const fullReads: FullReads = new Map();
    const macs = async () => [...(await read({ fullReads })).values()].flatMap((user) => user.macs);
    expect(await macs()).toEqual([A]);
    expect(await macs()).toEqual([A]);
    expect(singleReads()).toHaveLength(2);
    sandbox.users.update(two.Id, { Devices: B, UpdatedOn: '2031-01-01T00:00:00Z' });
    expect(await macs()).toEqual([A, B]);
    expect(singleReads()).toEqual([one, two, two].map(({ Id }) => `/api/sys/users/${Id}`));
    expect(new Map(JSON.parse(JSON.stringify([...fullReads])))).toEqual(fullReads);
  });

  test('that fails half-way keeps the full records it has read', async () => {
    await start({ devicesInLists: false });
    const users = [A, B, C].map((Devices) => sandbox.users.add({ Devices }));
    const fullReads: FullReads = new Map();
    sandbox.fault({ path: `/api/sys/users/${users[2]?.Id}`, action: { kind: 'answer', status: 503 } });
    await expect(read({ fullReads })).rejects.toMatchObject({ failure: { kind: 'unavailable' } });
    expect([...(await read({ fullReads })).values()].flatMap((user) => user.macs).sort()).toEqual([A, B, C]);
    expect(singleReads()).toHaveLength(4);
  });

  test('goes on when a user is deleted between the list and the full record', async () => {
    await start({ devicesInLists: false });
    sandbox.users.add({ Devices: A });
    sandbox.fault({ path: '/api/sys/users/*', action: { kind: 'answer', status: 404, body: { Message: 'Gone.' } } });
    expect((await read()).size).toBe(0);
  });

  test('knows the registered devices of a user whose full record is gone', async () => {
    await start({ devicesInLists: false });
    const user = sandbox.users.add({ FullName: 'Anna', Devices: A });
    sandbox.registeredDevices.add({ UserId: user.Id, DeviceId: B });
    sandbox.fault({ path: '/api/sys/users/*', action: { kind: 'answer', status: 404, body: { Message: 'Gone.' } } });
    expect((await read()).get(user.Id)).toMatchObject({ name: 'Anna', macs: [B] });
  });

  test('says nothing of a user before the full record was read: half of the devices would replace all', async () => {
    await start({ devicesInLists: false });
    const user = sandbox.users.add({ Devices: A });
    sandbox.registeredDevices.add({ UserId: user.Id, DeviceId: B });
    sandbox.fault({ path: '/api/sys/users/*', action: { kind: 'answer', status: 503 } });
    const said: KnownUser[] = [];
    const reading = async () => {
      for await (const { users } of readKnownDevices(client, UNPACED)) said.push(...users);
    };
    await expect(reading()).rejects.toMatchObject({ failure: { kind: 'unavailable' } });
    expect(said).toEqual([]);
  });

  test('follows a server that cuts pages shorter than asked for', async () => {
    await start({ maxPageSize: 7 });
    for (let i = 0; i < 50; i++) sandbox.users.add({ Devices: formatMac((0x3c22fb000000 + i) as MacAddress) });
    expect((await read()).size).toBe(50);
    expect(pathsRead().filter((path) => path.startsWith('/api/sys/users'))).toHaveLength(8);
  });

  test('refuses a server that sends the same page again and again', async () => {
    await start();
    const body = { Records: [{ Id: 1, Devices: A }], CurrentPage: 1, HasNextPage: true };
    sandbox.fault({ path: '/api/sys/users', count: 10, action: { kind: 'answer', status: 200, body } });
    await expect(read()).rejects.toMatchObject({
      failure: { kind: 'unexpected', message: 'GET /api/sys/users: asked for page 2, got page 1' },
    });
  });

  test('names the field when a record has another shape than documented', async () => {
    await start();
    const body = { Records: [{ Id: 1 }, { Id: 2, Devices: 7 }], CurrentPage: 1, HasNextPage: false };
    sandbox.fault({ path: '/api/sys/users', action: { kind: 'answer', status: 200, body } });
    await expect(read()).rejects.toMatchObject({
      failure: { kind: 'unexpected', message: expect.stringContaining(' at Records.1.Devices: ') },
    });
  });

  test('names the role that is missing', async () => {
    await start({
      accounts: [{ username: 'admin@example.com', password: 'secret', roles: ['RegisteredDevice-List'] }],
    });
    await expect(read()).rejects.toMatchObject({
      failure: { kind: 'unauthorised', message: expect.stringContaining('User-List') },
    });
  });
});

describe('an incremental reading', () => {
  const EARLIER = '2025-01-15T08:00:00Z';
  const SINCE = new Date('2025-01-15T10:00:30Z');
  const LATER = '2025-01-15T10:30:00Z';

  test('gives the users that changed, whole, and nobody else', async () => {
    await start();
    const [same, changed, bare] = [A, B, C].map((Devices) => sandbox.users.add({ Devices, UpdatedOn: EARLIER }));
    const coworker = sandbox.coworkers.add({ UserId: changed?.Id ?? 0, UpdatedOn: EARLIER });
    sandbox.registeredDevices.add({ UserId: changed?.Id ?? 0, DeviceId: D, UpdatedOn: EARLIER });
    sandbox.users.update(changed?.Id ?? 0, { Devices: C, UpdatedOn: LATER });
    sandbox.users.update(bare?.Id ?? 0, { Devices: '', UpdatedOn: LATER });
    const users = await read({ since: SINCE });
    expect([...users.keys()].sort()).toEqual([changed?.Id, bare?.Id]);
    expect(users.has(same?.Id ?? 0)).toBe(false);
    expect(users.get(changed?.Id ?? 0)).toMatchObject({ macs: [C, D], coworker: { id: coworker.Id } });
    expect(users.get(bare?.Id ?? 0)).toMatchObject({ macs: [] });
  });

  test('gives users whose coworker or registered device changed', async () => {
    await start();
    const [one, two] = [A, B].map((Devices) => sandbox.users.add({ Devices, UpdatedOn: EARLIER }));
    sandbox.coworkers.add({ UserId: one?.Id ?? 0, Archived: true, UpdatedOn: LATER });
    sandbox.registeredDevices.add({ UserId: two?.Id ?? 0, DeviceId: D, UpdatedOn: LATER });
    const orphan = sandbox.registeredDevices.add({ UserId: null, DeviceId: C, UpdatedOn: LATER });
    const users = await read({ since: SINCE });
    expect(users.get(one?.Id ?? 0)).toMatchObject({ macs: [A], coworker: { archived: true } });
    expect(users.get(two?.Id ?? 0)).toMatchObject({ macs: [B, D] });
    expect(users.get(-orphan.Id)).toMatchObject({ macs: [C] });
  });

  test('reads the full record where the list hides Devices', async () => {
    await start({ devicesInLists: false });
    const user = sandbox.users.add({ FullName: 'Anna', Devices: A, UpdatedOn: LATER });
    expect((await read({ since: SINCE })).get(user.Id)).toMatchObject({ name: 'Anna', macs: [A] });
    expect(singleReads()).toHaveLength(1);
  });

  test('says that a user who is gone has no devices', async () => {
    await start();
    sandbox.coworkers.add({ UserId: 4711, UpdatedOn: LATER });
    expect((await read({ since: SINCE })).get(4711)).toMatchObject({ macs: [], coworker: null });
  });

  test.each([-14, -5, 0, 5, 12])(
    'finds what changed also where ranges are read in a zone %i h behind UTC, and goes on to find it',
    async (hours) => {
      await start({ rangeOffsetMs: hours * 3_600_000 });
      const rangeMargins: RangeMargins = new Map();
      for (let minutes = 60; minutes < 48 * 60; minutes += 60) {
        const since = new Date(SINCE.getTime() + minutes * 60_000);
        const UpdatedOn = since.toISOString();
        const user = sandbox.users.add({ Devices: A, UpdatedOn });
        const other = sandbox.users.add({ Devices: B, UpdatedOn: EARLIER });
        sandbox.coworkers.add({ UserId: other.Id, UpdatedOn });
        expect([...(await read({ since, rangeMargins })).keys()].sort(), `${minutes} min later`).toEqual([
          user.Id,
          other.Id,
        ]);
      }
    },
  );

  test('does not read again what had changed before, and soon does not even list it', async () => {
    await start();
    const rangeMargins: RangeMargins = new Map();
    for (let minute = 0; minute < 15 * 60; minute++) {
      const UpdatedOn = new Date(SINCE.getTime() - (10 + minute) * 60_000).toISOString();
      sandbox.users.add({ Devices: B, UpdatedOn });
    }
    const user = sandbox.users.add({ Devices: A, UpdatedOn: LATER });
    const lists = () => pathsRead().filter((path) => path.includes('from_User_UpdatedOn')).length;
    for (const pages of [5, 1]) {
      const before = lists();
      const all = await batches({ since: SINCE, rangeMargins });
      expect(all.flatMap(({ users }) => users.map(({ userId }) => userId))).toEqual([user.Id]);
      expect(all.every(({ full }) => !full)).toBe(true);
      expect(lists() - before).toBe(pages);
    }
  });

  test('reads everything that the list shows where UpdatedOn does not tell its zone', async () => {
    await start();
    const user = sandbox.users.add({ Devices: A, UpdatedOn: '2025-01-15T05:30:00' });
    const rangeMargins: RangeMargins = new Map();
    for (let times = 0; times < 2; times++)
      expect([...(await read({ since: SINCE, rangeMargins })).keys()]).toEqual([user.Id]);
    expect(rangeMargins.size).toBe(0);
  });

  test('goes back some minutes further than asked, for clocks and for the precision of the filter', async () => {
    await start();
    const user = sandbox.users.add({ Devices: A, UpdatedOn: '2025-01-15T09:56:00Z' });
    expect((await read({ since: SINCE })).has(user.Id)).toBe(true);
  });

  test('tells when it began by the clock of Nexudus, not by ours', async () => {
    await start();
    sandbox.clockOffsetMs = -10 * DAY_MS;
    const [first] = await batches();
    const startedAt = first?.startedAt ?? new Date(0);
    expect(Math.abs(startedAt.getTime() - (Date.now() - 10 * DAY_MS))).toBeLessThan(DAY_MS);
    const user = sandbox.users.add({ Devices: A });
    expect((await read({ since: startedAt })).has(user.Id)).toBe(true);
  });

  test('becomes a full one when too much has changed', async () => {
    await start();
    const old = sandbox.users.add({ Devices: A, UpdatedOn: EARLIER });
    for (let i = 0; i < 201; i++) sandbox.users.add({ Devices: B, UpdatedOn: LATER });
    const all = await batches({ since: SINCE });
    expect(all).toHaveLength(1);
    expect(all[0]).toMatchObject({ full: true });
    expect(all[0]?.users).toHaveLength(202);
    expect(all[0]?.users.some(({ userId }) => userId === old.Id)).toBe(true);
  });

  test('of an account where nothing changed is one empty batch after three requests', async () => {
    await start();
    sandbox.users.add({ Devices: A, UpdatedOn: EARLIER });
    expect(await batches({ since: SINCE })).toEqual([
      { startedAt: expect.any(Date), full: false, users: [], unread: 0 },
    ]);
    expect(pathsRead()).toHaveLength(3);
  });
});

describe('pace', () => {
  test('waits when Nexudus says so, says that it does, and repeats the request', async () => {
    await start();
    const user = sandbox.users.add({ Devices: A });
    sandbox.fault({
      path: '/api/sys/users',
      count: 2,
      action: { kind: 'answer', status: 409, headers: { 'retry-after': '1' } },
    });
    const waits: number[] = [];
    const users = await read({ onThrottled: (waitMs) => waits.push(waitMs) });
    expect(users.has(user.Id)).toBe(true);
    expect(waits).toEqual([1000, 1000]);
  });

  test('asks for leave before each request', async () => {
    await start({ devicesInLists: false });
    for (const Devices of [A, B]) sandbox.users.add({ Devices });
    let asked = 0;
    await read({
      pace: async () => {
        asked++;
      },
    });
    expect(asked).toBe(pathsRead().length);
    expect(asked).toBe(5);
  });

  test('stops with the reason of the signal, in a pause as in a request', async () => {
    await start();
    const reason = new Error('stopping');
    for (const fault of [
      { kind: 'answer', status: 409, headers: { 'retry-after': '3600' } },
      { kind: 'delay-headers', ms: 3_600_000 },
    ] as const) {
      const controller = new AbortController();
      sandbox.fault({ path: '/api/sys/users', action: fault });
      const before = sandbox.requests.length;
      const reading = read({ signal: controller.signal });
      await expect
        .poll(() => sandbox.requests.slice(before).some(({ path }) => path.startsWith('/api/sys/users')))
        .toBe(true);
      controller.abort(reason);
      await expect(reading).rejects.toBe(reason);
    }
    const paused = new AbortController();
    const pace = minimumInterval(3_600_000);
    await pace(undefined);
    const waiting = pace(paused.signal);
    paused.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });

  test('lets every other failure through', async () => {
    await start();
    sandbox.fault({ path: '/api/spaces/coworkers', action: { kind: 'reset' } });
    await expect(read()).rejects.toBeInstanceOf(NexudusError);
  });
});

test('50,000 users are read in 501 requests, and only owners of devices are kept', async () => {
  await start();
  for (let i = 0; i < 50_000; i++) {
    const user = sandbox.users.add({ Devices: i % 2 === 0 ? formatMac((0x3c0000000000 + i) as MacAddress) : '' });
    sandbox.coworkers.add({ UserId: user.Id });
  }
  const users = (await batches()).flatMap((batch) => batch.users);
  expect(new Set(users.map(({ userId }) => userId)).size).toBe(25_000);
  expect(users.every(({ coworker, macs }) => coworker !== null && macs.length === 1)).toBe(true);
  expect(pathsRead()).toHaveLength(501);
});
