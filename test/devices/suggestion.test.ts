// What looks like equipment, and why.
import { expect, test } from 'vitest';
import { nightsBefore, type SuggestionFacts, suggestionFor } from '../../src/devices/suggestion.js';

const at = (time: string) => Date.parse(time);
const span = (from: string, to: string) => ({ fromMs: at(from), toMs: at(to) });
const reasons = (facts: Partial<SuggestionFacts>, now = '2025-01-16T09:00:00Z', zone = 'Europe/Madrid') =>
  suggestionFor({ kind: null, vendorClass: null, service: null, presence: [], ...facts }, nightsBefore(at(now), zone))
    ?.reasons ?? [];

test('a night is from one to five by the clock on the wall of the location, and only one that is over', () => {
  const iso = (now: string, zone: string) =>
    nightsBefore(at(now), zone).map(({ fromMs, toMs }) => [
      new Date(fromMs).toISOString(),
      new Date(toMs).toISOString(),
    ]);
  const madrid = ['2025-01-16T00:00:00.000Z', '2025-01-16T04:00:00.000Z'];
  expect(iso('2025-01-16T04:00:00Z', 'Europe/Madrid').at(-1)).toEqual(madrid);
  expect(iso('2025-01-16T03:59:00Z', 'Europe/Madrid').at(-1)).toEqual(madrid.map((time) => time.replace('16T', '15T')));
  expect(iso('2025-01-16T12:00:00Z', 'Asia/Kathmandu').at(-1)).toEqual([
    '2025-01-15T19:15:00.000Z',
    '2025-01-15T23:15:00.000Z',
  ]);
  // The clock goes from 2 to 3, and from 3 to 2.
  expect(iso('2025-03-30T12:00:00Z', 'Europe/Madrid').at(-1)).toEqual([
    '2025-03-30T00:00:00.000Z',
    '2025-03-30T03:00:00.000Z',
  ]);
  expect(iso('2025-10-26T12:00:00Z', 'Europe/Madrid').at(-1)).toEqual([
    '2025-10-25T23:00:00.000Z',
    '2025-10-26T04:00:00.000Z',
  ]);
});

test('whoever was here through a night looks like equipment; whoever stayed late or came early does not', () => {
  const night = [expect.stringContaining('through the night')];
  expect(reasons({ presence: [span('2025-01-15T08:00:00Z', '2025-01-16T08:00:00Z')] })).toEqual(night);
  // It dozed for half an hour twice.
  const dozing = [
    span('2025-01-15T20:00:00Z', '2025-01-16T01:00:00Z'),
    span('2025-01-16T01:30:00Z', '2025-01-16T02:30:00Z'),
    span('2025-01-16T03:00:00Z', '2025-01-16T08:00:00Z'),
  ];
  expect(reasons({ presence: dozing })).toEqual(night);
  expect(reasons({ presence: [span('2025-01-15T08:00:00Z', '2025-01-16T01:30:00Z')] })).toEqual([]);
  expect(reasons({ presence: [span('2025-01-16T03:00:00Z', '2025-01-16T08:30:00Z')] })).toEqual([]);
  expect(reasons({ presence: [span('2025-01-15T06:00:00Z', '2025-01-15T22:00:00Z')] })).toEqual([]);
  // In Tokyo that was the working day.
  expect(
    reasons({ presence: [span('2025-01-16T00:00:00Z', '2025-01-16T08:30:00Z')] }, undefined, 'Asia/Tokyo'),
  ).toEqual([]);
});

test('kinds of device that stay in the building, and clients built into equipment, look like equipment', () => {
  for (const kind of ['printer', 'access point', 'television', 'desk phone']) {
    expect(reasons({ kind })).toEqual([`is of a kind that stays in the building (${kind})`]);
  }
  for (const kind of ['iPhone', 'Android 14', 'Mac', 'Windows', 'Linux', 'Nintendo', null]) {
    expect(reasons({ kind })).toEqual([]);
  }
  expect(reasons({ kind: 'Linux', vendorClass: 'udhcp 1.36.1' })).toEqual([expect.stringContaining('udhcp')]);
  for (const vendorClass of ['MSFT 5.0', 'android-dhcp-14', 'my-udhcp']) expect(reasons({ vendorClass })).toEqual([]);
});

test('who answers as a server is suggested with a warning, because an attacker’s looks the same', () => {
  const facts = { kind: 'printer', vendorClass: null, service: 'a second DHCP server', presence: [] };
  expect(suggestionFor(facts, [])).toEqual({
    reasons: ['is of a kind that stays in the building (printer)', 'answers as a second DHCP server'],
    needsCare: true,
  });
  expect(suggestionFor({ ...facts, service: null }, [])?.needsCare).toBe(false);
  expect(suggestionFor({ ...facts, service: null, kind: null }, [])).toBeNull();
});
