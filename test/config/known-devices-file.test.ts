import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readKnownDevicesFile } from '../../src/config/known-devices-file.js';

const directory = mkdtempSync(join(tmpdir(), 'nwm-known-'));
afterAll(() => rmSync(directory, { recursive: true }));

function read(text: string) {
  const path = join(directory, 'known.csv');
  writeFileSync(path, text);
  return readKnownDevicesFile(path);
}

test('headings, comments, quotes, a byte order mark and Windows line ends are understood', () => {
  const file = read('\uFEFFmac,name\r\n# the office\r\n3C-22-FB-00-00-01,"Smith, ""Jo"""\r\n\r\n3c22fb000002,\r\n');
  expect(file).toEqual({
    ok: true,
    devices: new Map([
      [0x3c22fb000001, 'Smith, "Jo"'],
      [0x3c22fb000002, '3c:22:fb:00:00:02'],
    ]),
  });
});

test('every wrong line is named', () => {
  const file = read('mac,name\nprinter,3c:22:fb:00:00:01\nff:ff:ff:ff:ff:ff,all\n"3c:22:fb:00:00:01,Jo\n');
  expect(file.ok).toBe(false);
  if (!file.ok) expect(file.problems.map((problem) => /line (\d+):/.exec(problem)?.[1])).toEqual(['2', '3', '4']);
});

test('a file that is not there is a problem with its reason', () => {
  expect(readKnownDevicesFile('/nowhere/known.csv')).toEqual({
    ok: false,
    problems: ['cannot read /nowhere/known.csv (ENOENT)'],
  });
});
