import { describe, expect, test } from 'vitest';
import { formatMac, isDeviceMac } from '../../src/addresses/mac-address.js';
import type { LinkType } from '../../src/decode/frame.js';
import { isToGroup, readKeepAlive } from '../../src/decode/keep-alive.js';
import { corpus } from './corpus.js';
import { bytes, DEVICE, ethernet, IPV4, ipv4, linuxSll, linuxSll2, OTHER } from './frames.js';
import { Mutant, Random } from './mutation.js';

const linkTypes: readonly LinkType[] = ['ethernet', 'linux-sll', 'linux-sll2', 'null', 'raw'];
const packet = ipv4(new Uint8Array(20));
const to = (destination: string, source = DEVICE) => ethernet(IPV4, packet, { destination, source });

/** The address as text; null for none. */
function read(frame: Uint8Array, linkType: LinkType = 'ethernet', length = frame.length): string | null {
  const mac = readKeepAlive(frame, length, linkType);
  return mac === 0 ? null : formatMac(mac);
}

/** A cooked frame of this packet type (linux/if_packet.h), whose address has this length. */
function cooked(linkType: 'linux-sll' | 'linux-sll2', packetType: number, addressLength = 6): Uint8Array {
  const frame = Uint8Array.from(linkType === 'linux-sll' ? linuxSll(IPV4, packet) : linuxSll2(IPV4, packet));
  frame[linkType === 'linux-sll' ? 1 : 10] = packetType;
  frame[linkType === 'linux-sll' ? 5 : 11] = addressLength;
  return frame;
}

describe('On Ethernet a keep-alive', () => {
  test.each([
    ['broadcast', 'ff:ff:ff:ff:ff:ff'],
    ['IPv4 multicast', '01:00:5e:00:00:fb'],
    ['IPv6 multicast', '33:33:00:00:00:fb'],
    ['link-layer multicast', '01:80:c2:00:00:0e'],
  ])('is a frame to %s', (_name, destination) => {
    expect([read(to(destination)), isToGroup(to(destination), 60, 'ethernet')]).toEqual([DEVICE, true]);
  });

  test('is no frame to one device', () => {
    expect([read(to(OTHER)), read(to('02:00:00:00:00:01')), isToGroup(to(OTHER), 60, 'ethernet')]).toEqual([
      null,
      null,
      false,
    ]);
  });

  test.each(['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01'])(
    'is never that of %s, which no device has',
    (source) => {
      expect(read(to('ff:ff:ff:ff:ff:ff', source))).toBeNull();
    },
  );

  test('needs both addresses, and nothing behind them', () => {
    const frame = to('ff:ff:ff:ff:ff:ff');
    expect([read(frame.subarray(0, 12)), read(frame, 'ethernet', 12)]).toEqual([DEVICE, DEVICE]);
    expect([read(frame.subarray(0, 11)), read(frame, 'ethernet', 11), read(frame.subarray(0, 0))]).toEqual([
      null,
      null,
      null,
    ]);
    expect([isToGroup(frame, 1, 'ethernet'), isToGroup(frame, 0, 'ethernet')]).toEqual([true, false]);
  });
});

describe.each([
  ['linux-sll', 12, 2],
  ['linux-sll2', 18, 11],
] as const)('On %s a keep-alive', (linkType, sourceEnd, typeEnd) => {
  test('is a packet that was broadcast or multicast, and none of another type', () => {
    const types = [0, 1, 2, 3, 4].map((packetType) => read(cooked(linkType, packetType), linkType));
    expect(types).toEqual([null, DEVICE, DEVICE, null, null]);
  });

  test('has an address of six octets', () => {
    expect([0, 5, 8].map((length) => read(cooked(linkType, 1, length), linkType))).toEqual([null, null, null]);
  });

  test('ends behind its address, and its type can be told before', () => {
    const frame = cooked(linkType, 2);
    expect(read(frame.subarray(0, sourceEnd), linkType)).toBe(DEVICE);
    expect(read(frame.subarray(0, sourceEnd - 1), linkType)).toBeNull();
    expect([isToGroup(frame, typeEnd, linkType), isToGroup(frame, typeEnd - 1, linkType)]).toEqual([true, false]);
  });
});

test('links without addresses have no keep-alives', () => {
  const broadcast = to('ff:ff:ff:ff:ff:ff');
  expect([read(broadcast, 'null'), read(broadcast, 'raw'), isToGroup(broadcast, 60, 'null')]).toEqual([
    null,
    null,
    false,
  ]);
});

test('a length beyond the buffer is that of the buffer', () => {
  expect(read(to('ff:ff:ff:ff:ff:ff').subarray(0, 11), 'ethernet', 1_000)).toBeNull();
});

test('of frames bent at random and of any bytes at all, it is a device’s address or none, and comes from the first octets alone', () => {
  const random = new Random(7);
  const mutant = new Mutant();
  let found = 0;
  for (let i = 0; i < 200_000; i++) {
    const seed = corpus[i % corpus.length];
    const linkType = i % 3 === 0 ? (linkTypes[i % 5] ?? 'raw') : (seed?.linkType ?? 'raw');
    mutant.mutate(
      i % 7 === 0 ? bytes(Array.from({ length: 40 }, () => random.below(256))) : (seed?.frame ?? bytes('')),
      random,
    );
    const { buffer, length } = mutant;
    const alone = buffer.subarray(0, length);
    const mac = readKeepAlive(buffer, length, linkType);
    const isGroup = isToGroup(buffer, length, linkType);
    // What lies behind the frame changes nothing, nor what lies behind its addresses.
    const addresses = buffer.subarray(0, Math.min(length, linkType === 'linux-sll2' ? 18 : 12));
    const isSame =
      readKeepAlive(alone, length, linkType) === mac &&
      readKeepAlive(addresses, addresses.length, linkType) === mac &&
      isToGroup(alone, length, linkType) === isGroup;
    const isPossible = mac === 0 || (isGroup && isDeviceMac(mac));
    if (!isSame || !isPossible)
      expect.fail(`${formatMac(mac)} on ${linkType} in ${Buffer.from(alone).toString('hex')}`);
    if (mac !== 0) found++;
  }
  expect(found).toBeGreaterThan(50_000);
});
