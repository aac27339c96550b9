// The small recordings: each is a single protocol exchange, for tests.
import { type Client, type ClientOptions, Lan, type LanOptions, type Station } from '../../test/lan/lan.js';
import type { Capture } from './pcap-file.js';
import { Recorder } from './recorder.js';

const morning = new Date('2026-03-02T08:00:00Z');

const macBook: ClientOptions = { mac: '3c:22:fb:4a:11:02', hostname: 'Annas-MacBook-Pro', vendorClass: '' };
const windows: ClientOptions = {
  mac: '3c:58:c2:91:5e:10',
  hostname: 'DESKTOP-4F2K1QP',
  fqdn: 'DESKTOP-4F2K1QP',
  vendorClass: 'MSFT 5.0',
  parameterList: [1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252],
  dhcpClient: 'dhclient',
};

/** A device joins as operating systems do: lease, a probe for the address (RFC 5227), announcements, then the router. */
async function join(client: Client): Promise<void> {
  await client.probe(await client.lease());
  await client.announce(2);
  await client.arping(client.lan.routerIp.replace(/\.0\.1$/, `.${client.ip?.split('.')[2]}.1`));
}

interface Exchange {
  lan?: LanOptions;
  client: ClientOptions;
  /** Where to listen and how; default: the switch, everything. */
  listen?: (lan: Lan) => [Station, string[]];
  act: (client: Client) => Promise<unknown>;
}

async function record({ lan: options, client: device, listen, act }: Exchange): Promise<Capture> {
  const lan = await Lan.create(options);
  try {
    const client = await lan.client(device);
    const recorder = await Recorder.start(...(listen?.(lan) ?? [lan.switch, ['-i', 'br0']]));
    await recorder.scene(morning, () => act(client));
    return await recorder.finish();
  } finally {
    await lan.close();
  }
}

/** A client of a LAN without a DHCP server. Its router relays to the server of another LAN, where the recording is made. */
async function recordRelay(): Promise<Capture> {
  const server = await Lan.create({
    subnet: '10.88',
    dnsmasqArgs: ['--dhcp-range=10.77.0.100,10.77.0.199,255.255.255.0,12h'],
  });
  const office = await Lan.create({ dhcp: false });
  try {
    await server.attach(office.router, 'uplink', '02:00:5e:00:53:fe');
    await office.router.run('ip', ['address', 'add', '10.88.0.2/24', 'dev', 'uplink']);
    await server.router.run('ip', ['route', 'add', '10.77.0.0/16', 'via', '10.88.0.2']);
    const relay = office.router.start('dnsmasq', [
      ...['--no-daemon', '--port=0', '--conf-file=/dev/null', '--user=root', '--pid-file'],
      `--dhcp-relay=${office.routerIp},${server.routerIp}`,
    ]);
    await relay.waitForLine(/started, version/);
    const client = await office.client(macBook);
    const recorder = await Recorder.start(server.switch, ['-i', 'br0']);
    await recorder.scene(morning, () => client.lease());
    return await recorder.finish();
  } finally {
    await office.close();
    await server.close();
  }
}

export const exchanges: Record<string, () => Promise<Capture>> = {
  'udhcpc-join': () => record({ client: macBook, act: join }),
  'dhclient-join': () => record({ client: windows, act: join }),
  'arp-probe-announce': () =>
    record({
      client: { mac: '68:05:ca:3e:77:21' },
      act: async (client) => {
        await client.connect();
        await client.probe('10.77.0.50', 3);
        await client.useAddress('10.77.0.50');
        await client.announce(2);
      },
    }),
  'renew-release': () =>
    record({
      client: macBook,
      act: async (client) => {
        await client.lease();
        await client.renew();
        await client.release();
      },
    }),
  'vlan-join': () => record({ client: { ...macBook, vlan: 20 }, act: join }),
  'qinq-join': () => record({ client: { ...macBook, vlan: [100, 20] }, act: join }),
  'cooked-v1': () =>
    record({ client: macBook, listen: (lan) => [lan.router, ['-i', 'any', '-y', 'LINUX_SLL']], act: join }),
  'cooked-v2': () => record({ client: macBook, listen: (lan) => [lan.router, ['-i', 'any']], act: join }),
  'ipv6-join': () =>
    record({
      lan: { ipv6: true, dhcp: true },
      client: { ...windows, fqdn: 'desktop-4f2k1qp.example.com' },
      act: async (client) => {
        await client.disconnect();
        await client.lease6();
        await client.ping('fd77::1');
      },
    }),
  relay: recordRelay,
};
