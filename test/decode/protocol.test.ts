import { expect, test } from 'vitest';
import { PROTOCOL_NAMES, PROTOCOLS } from '../../src/decode/protocol.js';

test('every protocol has a name for people, and no two the same', () => {
  expect(PROTOCOLS).toEqual(['arp', 'dhcp', 'ndp', 'dhcpv6']);
  expect(new Set(PROTOCOLS.map((protocol) => PROTOCOL_NAMES[protocol])).size).toBe(PROTOCOLS.length);
});
