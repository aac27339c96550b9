// The long recordings: devices that come to a coworking space, stay, leave, and come back.
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type ClientOptions, Lan, type LanOptions } from '../../test/lan/lan.js';
import { until } from '../../test/until.js';
import type { Capture } from './pcap-file.js';
import { Recorder } from './recorder.js';

interface Stay {
  /** UTC. A stay that began before the recording is joined before it starts. */
  from: string;
  until: string;
  /** How it ends: without a word (out of reach), or with a DHCPRELEASE. */
  leaves?: 'released';
}

interface Device extends ClientOptions {
  mac: string;
  /** A fixed address instead of DHCP. */
  address?: string;
  /** Some traffic besides, which a capture filter has to leave out. */
  chatty?: true;
  /** The service it asks for by multicast DNS between its signs of life: a keep-alive. */
  mdns?: string;
  /** From when till when it shows itself by multicast DNS alone, UTC. */
  quiet?: { from: string; until: string };
  stays: Stay[];
}

export interface Scenario {
  lan: LanOptions;
  filter: string;
  /** Whether devices also ask for services by multicast DNS (`mdns`). */
  keepAlives: boolean;
  start: string;
  devices: Device[];
}

type Habits = Omit<Device, 'mac' | 'stays'>;

const apple: Habits = {
  vendorClass: '',
  parameterList: [1, 121, 3, 6, 15, 108, 114, 119, 162, 252, 95, 44, 46],
  mdns: '_companion-link._tcp.local',
};
const android: Habits = {
  vendorClass: 'android-dhcp-14',
  parameterList: [1, 3, 6, 15, 26, 28, 51, 58, 59, 43, 114, 108],
  mdns: '_googlecast._tcp.local',
};
const windows: Habits = {
  vendorClass: 'MSFT 5.0',
  parameterList: [1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252],
};

/** Stays on 2 March 2026, written `08:05-10:10`; one that ends in `released` ends with a DHCPRELEASE. */
function on2March(...stays: string[]): Stay[] {
  return stays.map((text) => stay(`02 ${text.slice(0, 5)}`, `02 ${text.slice(6, 11)}`, text.endsWith('released')));
}

/** A stay in March 2026, written `02 08:05`. */
function stay(from: string, to: string, released = false): Stay {
  const utc = (text: string) => `2026-03-${text.replace(' ', 'T')}:00Z`;
  return { from: utc(from), until: utc(to), ...(released ? { leaves: 'released' as const } : {}) };
}

const always = on2March('07:00-11:59');

export const morning: Scenario = {
  lan: { subnet: '10.20', ipv6: true, routerMac: '18:fd:74:20:00:01' },
  start: '2026-03-02T08:00:00Z',
  // icmp6 133 to 137 is Neighbor Discovery, 5353 multicast DNS; icmp and 443 are there to be filtered out again.
  filter:
    'arp or udp port 67 or udp port 68 or udp port 5353 or ' +
    '(icmp6 and ip6[40] >= 133 and ip6[40] <= 137) or icmp or tcp port 443',
  keepAlives: true,
  devices: [
    // What belongs to the space.
    { mac: '78:45:58:c0:1a:06', hostname: 'U6-Lite-Lounge', vendorClass: 'ubnt', stays: always },
    {
      mac: 'f8:0d:ac:31:6b:9e',
      hostname: 'NPI316B9E',
      vendorClass: 'Hewlett-Packard JetDirect',
      mdns: '_ipp._tcp.local',
      stays: always,
    },
    { mac: '48:a6:b8:7d:02:44', hostname: 'SonosZP', vendorClass: '', mdns: '_sonos._tcp.local', stays: always },
    // Members and guests. With a private address, phones and tablets give no name but that of the product.
    {
      ...apple,
      mac: '3c:22:fb:4a:11:02',
      hostname: 'Annas-MacBook-Pro',
      chatty: true,
      stays: on2March('08:04-10:31', '10:58-11:56'),
    },
    {
      ...apple,
      mac: '7e:3b:91:04:d2:58',
      hostname: 'iPhone',
      stays: on2March('08:02-09:10', '09:41-10:33', '10:57-11:57'),
    },
    {
      ...windows,
      mac: '3c:58:c2:91:5e:10',
      hostname: 'DESKTOP-4F2K1QP',
      fqdn: 'DESKTOP-4F2K1QP',
      dhcpClient: 'dhclient',
      chatty: true,
      stays: on2March('08:11-11:50'),
    },
    { ...android, mac: 'da:a1:19:6f:30:7c', hostname: 'Galaxy-S23', stays: on2March('08:13-08:58', '09:30-11:48') },
    {
      ...windows,
      mac: '28:d2:44:b7:09:e3',
      hostname: 'LAPTOP-9C7TRE2M',
      fqdn: 'LAPTOP-9C7TRE2M',
      stays: on2March('08:19-11:02 released'),
    },
    {
      mac: '9c:bf:0d:12:8a:40',
      hostname: 'framework',
      dhcpClient: 'dhclient',
      chatty: true,
      stays: on2March('08:27-09:47', '10:20-11:55'),
    },
    {
      ...android,
      mac: '62:f4:0e:b8:19:a5',
      hostname: 'Pixel-8',
      vendorClass: 'android-dhcp-15',
      stays: on2March('08:26-09:49', '10:19-11:30'),
    },
    {
      ...apple,
      mac: 'f0:18:98:5c:e2:31',
      hostname: 'Jorges-Air',
      chatty: true,
      stays: on2March('08:34-11:58'),
      quiet: { from: '2026-03-02T09:30:00Z', until: '2026-03-02T11:00:00Z' },
    },
    { ...apple, mac: 'a6:5d:23:77:c1:0e', hostname: 'iPhone', stays: on2March('08:33-11:57') },
    { mac: '68:05:ca:3e:77:21', address: '10.20.0.50', stays: on2March('08:40-11:40') },
    {
      ...windows,
      mac: 'b8:ca:3a:c4:55:19',
      hostname: 'DESKTOP-HM3PL0V',
      fqdn: 'DESKTOP-HM3PL0V',
      stays: on2March('08:52-10:15 released'),
    },
    {
      ...android,
      mac: '64:b4:73:2e:91:d8',
      hostname: 'Xiaomi-13T',
      vendorClass: 'android-dhcp-13',
      stays: on2March('09:01-10:44'),
    },
    {
      ...apple,
      mac: '4a:c9:6f:e1:08:b3',
      hostname: 'iPad',
      stays: on2March('09:06-09:32', '10:05-10:12', '11:10-11:45'),
    },
    { ...android, mac: '2c:a7:ef:50:63:1f', hostname: 'OnePlus-12', stays: on2March('09:14-11:20') },
    {
      ...android,
      mac: '30:bb:28:1d:44:6a',
      hostname: 'Fairphone-5',
      vendorClass: 'android-dhcp-13',
      stays: on2March('09:22-11:51'),
    },
    {
      mac: 'dc:a6:32:8b:f0:17',
      hostname: 'raspberrypi',
      vendorClass: 'dhcpcd-9.4.1:Linux-6.1.21-v8+:aarch64:BCM2835',
      stays: on2March('09:35-09:52'),
    },
    // A phone that was asked to leave the hostname out, and one that comes back before a visit counts as over.
    { ...android, mac: 'e2:07:5a:3c:9d:66', stays: on2March('09:50-10:40') },
    {
      ...windows,
      mac: '98:5f:d3:a0:2b:74',
      hostname: 'SURFACE-LUCIA',
      fqdn: 'SURFACE-LUCIA',
      stays: on2March('10:02-10:50', '10:59-11:53'),
    },
    { ...apple, mac: 'be:12:f8:40:a7:5d', hostname: 'Watch', stays: on2March('10:14-10:21') },
    {
      mac: '14:ab:c5:6e:d9:02',
      hostname: 'thinkpad-x1',
      vendorClass: 'dhcpcd-10.0.6:Linux-6.8.0-52-generic:x86_64:GenuineIntel',
      chatty: true,
      stays: on2March('10:36-11:59'),
    },
  ],
};

export const threeDays: Scenario = {
  lan: { subnet: '10.30', routerMac: '18:fd:74:20:00:01' },
  start: '2026-03-02T06:00:00Z',
  filter: 'arp or udp port 67 or udp port 68',
  keepAlives: false,
  devices: [
    // Comes and goes every day, and stays over lunch on Monday only.
    {
      ...apple,
      mac: '3c:22:fb:4a:11:02',
      hostname: 'Annas-MacBook-Pro',
      stays: [
        stay('02 08:30', '02 17:10'),
        stay('03 09:05', '03 12:40'),
        stay('03 13:30', '03 18:00', true),
        stay('04 08:45', '04 16:20'),
      ],
    },
    // Left on its desk overnight.
    {
      ...windows,
      mac: '3c:58:c2:91:5e:10',
      hostname: 'DESKTOP-4F2K1QP',
      dhcpClient: 'dhclient',
      stays: [stay('02 14:00', '03 11:00'), stay('04 10:00', '04 17:30')],
    },
    // Away for ten minutes on Monday (still one visit) and for twenty on Tuesday (two).
    {
      ...android,
      mac: 'da:a1:19:6f:30:7c',
      hostname: 'Galaxy-S23',
      stays: [
        stay('02 09:00', '02 11:00'),
        stay('02 11:10', '02 12:30'),
        stay('03 09:30', '03 11:00'),
        stay('03 11:20', '03 13:15'),
      ],
    },
    // Another randomised address every day: three devices, as far as anybody can tell.
    { ...apple, mac: '7e:3b:91:04:d2:58', hostname: 'iPhone', stays: [stay('02 10:00', '02 13:45')] },
    { ...apple, mac: 'a6:5d:23:77:c1:0e', hostname: 'iPhone', stays: [stay('03 10:05', '03 14:20')] },
    { ...apple, mac: '4a:c9:6f:e1:08:b3', hostname: 'iPhone', stays: [stay('04 09:50', '04 13:30')] },
  ],
};

/** Minutes between two signs of life: 5 to 11, in no visible pattern but the same in every recording. */
function quietMs(device: number, count: number): number {
  return (5 + ((device * 5 + count * 3) % 7)) * 60_000 + ((device * 13 + count * 29) % 60) * 1000;
}

interface Event {
  time: Date;
  act: () => Promise<unknown>;
}

async function join(client: Client, device: Device): Promise<void> {
  if (device.address === undefined) await client.lease();
  else await client.useAddress(device.address);
  await client.announce();
  await client.arping(client.lan.routerIp);
  if (device.chatty) {
    await client.ping(client.lan.routerIp);
    await client.start('busybox', ['nc', '-w', '1', client.lan.routerIp, '443']).exit();
  }
}

async function hasGlobalIpv6(client: Client): Promise<void> {
  await until('the client has an IPv6 address', async () => {
    const addresses = await client.run('ip', ['-6', 'address', 'show', 'dev', 'eth0', 'scope', 'global']);
    return addresses.includes('inet6') && !addresses.includes('tentative');
  });
}

async function leave(client: Client, how: Stay['leaves']): Promise<void> {
  if (how === 'released') await client.release();
  await client.disconnect();
}

/** Between a sign of life and the question by multicast DNS that follows it. */
const ASKS_AFTER_MS = 140_000;

/** Signs of life (an ARP request, every fourth time a renewed lease too), and between them what is only a keep-alive. */
function signsOfLife(stay: Stay, client: Client, device: Device, number: number): Event[] {
  const { mdns, quiet } = device;
  const events: Event[] = [];
  const leaves = Date.parse(stay.until);
  let count = 1;
  for (let at = Date.parse(stay.from) + quietMs(number, count); at < leaves; at += quietMs(number, ++count)) {
    const renews = count % 4 === 0 && device.address === undefined && device.dhcpClient !== 'dhclient';
    const act = async () => {
      if (renews) await client.renew();
      // Also when it renews: so the router, which answers, is heard as long as anybody is there.
      await client.arping(client.lan.routerIp);
    };
    const isQuiet = quiet !== undefined && at >= Date.parse(quiet.from) && at < Date.parse(quiet.until);
    if (!isQuiet) events.push({ time: new Date(at), act });
    if (mdns !== undefined && at + ASKS_AFTER_MS < leaves)
      events.push({ time: new Date(at + ASKS_AFTER_MS), act: () => client.askByMdns(mdns) });
  }
  return events;
}

/** Every event of a stay: coming, signs of life, leaving. */
function eventsOf(stay: Stay, client: Client, device: Device, number: number, ipv6: boolean): Event[] {
  const comes = new Date(stay.from);
  const leaves = new Date(stay.until);
  const events: Event[] = [
    {
      time: comes,
      act: async () => {
        await join(client, device);
        if (ipv6) await hasGlobalIpv6(client);
      },
    },
  ];
  events.push(...signsOfLife(stay, client, device, number));
  events.push({
    time: leaves,
    act: async () => {
      await client.arping(client.lan.routerIp);
      await leave(client, stay.leaves);
    },
  });
  return events;
}

/** Plays a scenario on a LAN of its own and resolves with what the switch saw. */
export async function recordScenario(scenario: Scenario): Promise<Capture> {
  const lan = await Lan.create(scenario.lan);
  try {
    const events: Event[] = [];
    for (const [number, { mdns, ...described }] of scenario.devices.entries()) {
      const device = scenario.keepAlives && mdns !== undefined ? { ...described, mdns } : described;
      const client = await lan.client(device);
      await client.disconnect();
      for (const stay of device.stays) {
        events.push(...eventsOf(stay, client, device, number, scenario.lan.ipv6 ?? false));
      }
    }
    events.sort((a, b) => a.time.getTime() - b.time.getTime());

    const start = new Date(scenario.start);
    for (const { act } of events.filter(({ time }) => time < start)) await act();
    // IPv6 auto-configuration of those who are there already comes to rest: it is not part of what follows.
    await sleep(5_000);
    const recorder = await Recorder.start(lan.switch, ['-i', 'br0', scenario.filter]);
    for (const { time, act } of events.filter(({ time }) => time >= start)) await recorder.scene(time, act);
    return await recorder.finish();
  } finally {
    await lan.close();
  }
}
