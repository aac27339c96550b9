import { expect, test } from 'vitest';
import { DhcpClients } from '../../src/devices/dhcp-clients.js';

const DAY = 24 * 3_600_000;

test('a client is one for a day after it last asked', () => {
  const clients = new DhcpClients();
  clients.note(1, 0);
  clients.note(1, 10);
  expect([clients.has(1, DAY + 10), clients.has(1, DAY + 11), clients.has(2, 10)]).toEqual([true, false, false]);
  clients.forget(1);
  expect(clients.has(1, 10)).toBe(false);
});

test('however many ask, the table stays small, and those that asked last are in it', () => {
  const clients = new DhcpClients();
  for (let mac = 1; mac <= 100_000; mac++) clients.note(mac, mac);
  const known = Array.from({ length: 100_000 }, (_, i) => i + 1).filter((mac) => clients.has(mac, 100_000));
  expect(known).toEqual(Array.from({ length: 4_096 }, (_, i) => 100_000 - 4_095 + i));
});
