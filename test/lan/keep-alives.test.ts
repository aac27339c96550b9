// What devices send to everybody keeps their visits open: on a real network, captured as the monitor captures it.
import { closeSync, openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { InterfaceState } from '../../src/capture/interface-watch.js';
import { captureKeepAlives } from '../../src/capture/live-keep-alives.js';
import { pcapBytes } from '../capture/pcap-bytes.js';
import { ascii, ethernet, IPV4, ipv4, udp } from '../decode/frames.js';
import type { RunningProcess } from '../run-process.js';
import { until } from '../until.js';
import { sharedLanTest as test } from './fixture.js';
import type { Client, Lan, Sensor } from './lan.js';

/** Longer than a process on a busy machine has to wait for its turn. */
const GAP_MS = 5_000;
const reading = join(import.meta.dirname, 'keep-alive-reader.mjs');

let lan: Lan;
let sensor: Sensor;
let reader: RunningProcess;
const senders: RunningProcess[] = [];

test.beforeEach(async ({ lan: shared }) => {
  lan = shared;
  sensor = await lan.sensor();
  reader = await listen('eth0');
});
test.afterEach(async () => {
  for (const process of [...senders.splice(0), reader]) await process.stop();
});

async function listen(names: string, ...more: string[]): Promise<RunningProcess> {
  const process = watch(names, ...more);
  await process.waitForLine(/^now .*"state":"capturing"/);
  return process;
}

function watch(names: string, ...more: string[]): RunningProcess {
  return sensor.start('node', [reading, names, `${GAP_MS}`, ...more]);
}

/** A device sends multicast DNS from now on. */
async function chatter(client: Client, content?: string): Promise<RunningProcess> {
  const sender = await client.sendMulticastDns(content);
  senders.push(sender);
  return sender;
}

interface Now {
  readonly visits: readonly { readonly mac: string; readonly prolongedMs: number; readonly keepAlives: number }[];
  /** Keep-alives of devices that are in no visit. */
  readonly refused: number;
  readonly states: readonly InterfaceState[];
}

/** What the reader knows, said after this was called. */
async function now(): Promise<Now> {
  const [line] = await reader.waitForLine(/^now .*/, { after: reader.lines.length });
  return JSON.parse(line.slice('now '.length)) as Now;
}

async function state(): Promise<InterfaceState> {
  const [first] = (await now()).states;
  if (first === undefined) throw new Error('no interface is watched');
  return first;
}

async function prolonged(mac: string): Promise<number> {
  return (await now()).visits.find((visit) => visit.mac === mac)?.prolongedMs ?? 0;
}

/** Keep-alives arrive, other than those that did already. */
async function keepAlivesArrive(): Promise<void> {
  const before = (await state()).keepAlives;
  await until('keep-alives arrive', async () => (await state()).keepAlives > before + 2);
}

async function joined(mac: string): Promise<Client> {
  const client = await lan.client({ mac });
  await client.lease();
  await reader.waitForLine(new RegExp(`^begun ${mac}`));
  return client;
}

/** A device that sends multicast DNS already when it joins with one ARP announcement: no gap can be before it. */
async function joinedWhileChattering(mac: string, ip: string, vlan?: number): Promise<[Client, RunningProcess]> {
  const client = await lan.client({ mac, ...(vlan === undefined ? {} : { vlan }) });
  await client.useAddress(ip);
  const sender = await chatter(client);
  await client.announce();
  await reader.waitForLine(new RegExp(`^begun ${mac}`));
  return [client, sender];
}

test('a device that sends only multicast DNS stays in its visit past the gap; when it leaves the visit ends', async () => {
  const [stays, silent] = ['3c:22:fb:00:0d:01', '3c:22:fb:00:0d:02'];
  const [client, sender] = await joinedWhileChattering(stays, '10.77.0.31');
  await joined(silent);
  await reader.waitForLine(new RegExp(`^ended ${silent} prolonged by 0 keep-alives 0`));
  await until('the visit is a gap longer than its sightings', async () => (await prolonged(stays)) > GAP_MS);
  expect(reader.lines).not.toContainEqual(expect.stringMatching(`^ended ${stays}`));
  await sender.stop();
  await client.disconnect();
  await reader.waitForLine(new RegExp(`^ended ${stays} prolonged by [1-9]\\d*`));
  // Though nothing but its sightings began it: one visit in all.
  expect(reader.lines.filter((line) => line.startsWith(`begun ${stays}`))).toHaveLength(1);
});

test('a device that never joined is never a visit, however much multicast it sends', async () => {
  const stranger = '3c:22:fb:00:0d:03';
  const client = await lan.client({ mac: stranger });
  await client.useAddress('10.77.0.33');
  await chatter(client);
  await chatter(client);
  await until('fifty keep-alives came', async () => (await now()).refused >= 50);
  const { visits, states } = await now();
  expect(visits).toEqual([]);
  expect(states[0]?.frames).toBe(0);
  expect(reader.lines).not.toContainEqual(expect.stringMatching(`^begun ${stranger}`));
});

test('a device in a VLAN is heard through the tag', async () => {
  const mac = '3c:22:fb:00:0d:04';
  await joinedWhileChattering(mac, '10.77.1.32', 30);
  await until('the visit is longer than the gap', async () => (await prolonged(mac)) > GAP_MS);
});

test('all interfaces together are listened on as one', async () => {
  await reader.stop();
  reader = await listen('any');
  const mac = '3c:22:fb:00:0d:05';
  await joinedWhileChattering(mac, '10.77.0.35');
  await until('the visit is longer than the gap', async () => (await prolonged(mac)) > GAP_MS);
});

/** How often `wanted` occurs in all memory of a process: its heap, its buffers, and what the kernel shares with it. */
function occurrences(pid: number, wanted: string): number {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  const chunk = Buffer.alloc(1 << 20);
  const overlap = wanted.length - 1;
  let found = 0;
  for (const line of readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n')) {
    const [, from = '', to = ''] = /^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? [];
    const end = Number.parseInt(to, 16);
    for (let at = Number.parseInt(from, 16); at < end; ) {
      let length = 0;
      try {
        length = readSync(memory, chunk, 0, Math.min(chunk.length, end - at), at);
      } catch {
        // Not in memory, or not readable by anybody.
      }
      const part = chunk.subarray(0, length);
      for (let next = part.indexOf(wanted); next >= 0; next = part.indexOf(wanted, next + 1)) found++;
      if (length <= overlap) break;
      at += at + length < end ? length - overlap : length;
    }
  }
  closeSync(memory);
  return found;
}

test.each(['eth0', 'any'])(
  'on %s nothing that devices say in keep-alives enters the memory of the process',
  async (name) => {
    await reader.stop();
    reader = await listen(name);
    // Random, so that nobody has it from elsewhere; and the reader is never told.
    const [said, asked] = ['said', 'asked'].map((word) => `${word}-${crypto.randomUUID()}`);
    const client = await lan.client({ hostname: asked ?? '' });
    await client.lease();
    await chatter(client, said);
    const before = (await state()).keepAlives;
    await until('twenty keep-alives came', async () => (await state()).keepAlives >= before + 20);
    expect(occurrences(reader.pid, said ?? '')).toBe(0);
    // While what a DHCP client says of itself does: the search finds what is there.
    expect(occurrences(reader.pid, asked ?? '')).toBeGreaterThan(0);
    expect(occurrences(senders[0]?.pid ?? 0, said ?? '')).toBeGreaterThan(0);
  },
);

test('both captures are opened anew together, whatever happens to the interface', async () => {
  const client = await joined('3c:22:fb:00:0d:07');
  await chatter(client);
  await keepAlivesArrive();

  const listensAgain = async (act: () => Promise<unknown>) => {
    const after = reader.lines.length;
    await act();
    await reader.waitForLine(/^state eth0 capturing/, { after });
    await keepAlivesArrive();
  };
  await listensAgain(async () => {
    await sensor.unplug();
    await reader.waitForLine(/^state eth0 no-link/);
    await sensor.plug();
  });
  await listensAgain(() => sensor.run('sh', ['-c', 'ip link set eth0 down; ip link set eth0 up']));
  await listensAgain(async () => {
    await sensor.deleteInterface('eth0');
    await sensor.addInterface('eth0');
  });
  const { reopened, keepAliveFailure } = await state();
  expect(reopened).toBeGreaterThanOrEqual(2);
  expect(keepAliveFailure).toBeNull();
  // Sightings come as well.
  const before = (await state()).frames;
  await client.announce();
  await until('a sighting arrives', async () => (await state()).frames > before);
});

test('an interface of which keep-alives cannot be captured says so once, hears the rest, and is well again', async () => {
  await reader.stop();
  reader = watch('eth9');
  await reader.waitForLine(/^now .*"state":"missing"/);
  const limitFiles = (limit: number) => sensor.run('prlimit', ['--pid', `${reader.pid}`, `--nofile=${limit}:1024`]);
  // The fewest open files with which the first capture can be opened leave too few for the second.
  const openFiles = readdirSync(`/proc/${reader.pid}/fd`).length;
  await limitFiles(openFiles);
  await sensor.addInterface('eth9');
  for (let limit = openFiles; (await state()).state !== 'capturing'; ) {
    await limitFiles(++limit);
    // Two looks of the watch.
    const { length } = reader.lines;
    await until('the watch has looked twice', () => reader.lines.length > length + 25);
  }
  expect((await state()).keepAliveFailure).toMatch(/^cannot capture on eth9: /);
  const client = await lan.client({ mac: '3c:22:fb:00:0d:0a' });
  await client.useAddress('10.77.0.36');
  await chatter(client);
  await client.announce();
  await reader.waitForLine(/^begun 3c:22:fb:00:0d:0a/);
  expect((await state()).keepAlives).toBe(0);
  const told = () => reader.lines.filter((line) => line.startsWith('keep-alives eth9'));
  expect(told()).toEqual([expect.stringMatching(/^keep-alives eth9 cannot capture on eth9: /)]);

  await limitFiles(1024);
  await reader.waitForLine(/^keep-alives eth9 again/);
  expect((await state()).keepAliveFailure).toBeNull();
  await keepAlivesArrive();
  expect(told()).toHaveLength(2);
});

test('keep-alives end a silence: the port lives', async () => {
  const client = await lan.client();
  await client.useAddress('10.77.0.34');
  await reader.waitForLine(/^silent eth0/);
  const sender = await chatter(client);
  await reader.waitForLine(/^heard eth0/);
  const after = reader.lines.length;
  await keepAlivesArrive();
  await until('the silence is over', async () => !(await state()).isSilent);
  await sender.stop();
  await reader.waitForLine(/^silent eth0/, { after });
});

/** Packet sockets in the sensor's network. */
async function packetSockets(): Promise<number> {
  return (await sensor.run('cat', ['/proc/net/packet'])).trim().split('\n').length - 1;
}

test('who asks for no keep-alives gets no second capture', async () => {
  expect(await packetSockets()).toBe(2);
  await reader.stop();
  reader = await listen('eth0', 'alone');
  expect(await packetSockets()).toBe(1);
  const client = await joined('3c:22:fb:00:0d:08');
  await chatter(client);
  await reader.waitForLine(/^ended 3c:22:fb:00:0d:08 prolonged by 0 keep-alives 0/);
  expect((await state()).keepAlives).toBe(0);
});

test('a link without addresses has no keep-alives, and is not opened for them', () => {
  const open = (linkType: 'raw' | 'null') =>
    captureKeepAlives('no-such-interface', linkType, { promiscuous: false, ipv6: true }, () => {});
  expect([open('raw'), open('null')]).toEqual([null, null]);
});

/** A file of multicast DNS from 10,000 devices. */
function chatterFile(): string {
  const file = join(lan.directory, 'chatter.pcap');
  const frames = Array.from({ length: 10_000 }, (_, device) => {
    const packet = ipv4(udp(ascii('x'), { source: 5353, destination: 5353 }), { destination: '224.0.0.251' });
    const frame = ethernet(IPV4, packet, { destination: '01:00:5e:00:00:fb', source: '02:00:00:00:00:00' });
    frame.set([device >> 8, device & 0xff], 10);
    return frame;
  });
  writeFileSync(file, pcapBytes(frames));
  return file;
}

/** Until it is stopped. */
const flooding = ['-q', '-i', 'eth0', '--preload-pcap', '--topspeed', '--loop', '0'];

test('in a flood of keep-alives sightings go on, timers have their turn, and what is lost is counted apart', async () => {
  const attacker = await lan.client();
  const present = await joined('3c:22:fb:00:0d:09');
  const flood = attacker.start('tcpreplay', [...flooding, chatterFile()]);
  const began = (await state()).keepAlives;
  await until('many came, and more than can be taken', async () => {
    const { keepAlives, brokenOffKeepAlives, droppedKeepAlives } = await state();
    const isTooMuch = brokenOffKeepAlives + droppedKeepAlives > 0;
    return keepAlives > began + (isTooMuch ? 10_000 : 100_000);
  });
  // Twenty announcements, each seen although the flood goes on.
  const before = (await state()).frames;
  for (let times = 1; times <= 20; times++) {
    await present.announce();
    await until('the announcement is seen', async () => (await state()).frames >= before + times);
  }
  expect(flood.isRunning).toBe(true);
  await flood.stop();
  const { droppedByKernel, brokenOff, droppedKeepAlives, brokenOffKeepAlives, keepAlives } = await state();
  process.stdout.write(
    `  flood: ${keepAlives} keep-alives taken, ${droppedKeepAlives} dropped by the kernel, ` +
      `broken off ${brokenOffKeepAlives} times; of sightings ${droppedByKernel} and ${brokenOff}\n`,
  );
  expect([droppedByKernel, brokenOff]).toEqual([0, 0]);
  expect(reader.lines).not.toContain('loss eth0');
});

test('keep-alives that come faster than they can be dealt with never keep timers and signals from their turn', async () => {
  const attacker = await lan.client();
  const slow = sensor.start('node', [join(import.meta.dirname, 'slow-reader.mjs'), 'keep-alives']);
  await slow.waitForLine(/listening/);
  const flood = attacker.start('tcpreplay', [...flooding, chatterFile()]);
  await slow.waitForLine(/alive, broken off ([5-9]|\d\d+) times, 0 not freed/);
  slow.kill('SIGTERM');
  expect(await slow.exit()).toEqual({ code: 0, signal: null });
  expect(flood.isRunning).toBe(true);
  await flood.stop();
});
