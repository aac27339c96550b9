import { expect, test } from 'vitest';
import { wallTime } from '../../src/nexudus/wall-time.js';

test.each([
  ['Europe/Madrid', '2025-01-15T10:30:00Z', '2025-01-15T11:30:00'],
  ['Europe/Madrid', '2025-07-15T22:30:00Z', '2025-07-16T00:30:00'],
  ['America/St_Johns', '2025-01-15T02:00:00Z', '2025-01-14T22:30:00'],
  ['Pacific/Kiritimati', '2024-12-31T10:00:01Z', '2025-01-01T00:00:01'],
  ['Asia/Riyadh', '2025-01-15T10:30:00Z', '2025-01-15T13:30:00'],
  // The hour that comes twice when summer time ends.
  ['Europe/London', '2025-10-26T00:30:00Z', '2025-10-26T01:30:00'],
  ['Europe/London', '2025-10-26T01:30:00Z', '2025-10-26T01:30:00'],
])('tells the wall time in %s at %s: %s', (timeZone, utc, local) => {
  expect(wallTime(Date.parse(utc), timeZone)).toBe(local);
});

test('refuses a time zone that does not exist', () => {
  expect(() => wallTime(0, 'Europe/Atlantis')).toThrow(RangeError);
});
