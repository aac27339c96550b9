import { createRequire } from 'node:module';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseIgnoreRules, patternOf, withRules } from '../../src/config/ignore-rules.js';
import { ignoredBecause, NO_IGNORE_RULES } from '../../src/devices/ignore-rules.js';

const device = { mac: 0x3c22fb000001, vendor: 'Apple, Inc.', hostname: 'Printer-2nd-Floor' };
const rules = (written: { macs?: string[]; vendors?: string[]; hostnames?: string[] }) =>
  parseIgnoreRules({ macs: [], vendors: [], hostnames: [], ...written }).rules;

test.each([
  [{ macs: ['3C-22-FB-00-00-01'] }, 'its address matches the ignore rule 3C-22-FB-00-00-01'],
  [{ macs: ['3c:22:fb'] }, 'its address matches the ignore rule 3c:22:fb'],
  [{ macs: ['3c:22:*'] }, 'its address matches the ignore rule 3c:22:*'],
  [{ vendors: ['apple*'] }, 'its vendor matches the ignore rule apple*'],
  [{ hostnames: ['printer-?nd-*'] }, 'its host name matches the ignore rule printer-?nd-*'],
])('%j ignores the device and says why', (written, reason) => {
  expect(ignoredBecause(rules(written), device)).toBe(reason);
});

test.each([
  [{ macs: ['3c:22:fc'] }],
  [{ vendors: ['Apple'] }],
  [{ hostnames: ['printer'] }],
  [{ hostnames: ['printer.*'] }],
])('%j does not match', (written) => expect(ignoredBecause(rules(written), device)).toBeNull());

test('a device without vendor and host name is matched by address alone', () => {
  const unknown = { mac: device.mac, vendor: null, hostname: null };
  expect(ignoredBecause(rules({ vendors: ['*'], hostnames: ['*'] }), unknown)).toBeNull();
});

test('a rule that is no address is a problem that names it', () => {
  const { problems } = parseIgnoreRules({ macs: ['3c:22', 'printer', '3c:2'], vendors: [], hostnames: [] });
  expect(problems).toEqual([
    '"printer" is not a MAC address or the beginning of one, such as 00:11:22',
    '"3c:2" is not a MAC address or the beginning of one, such as 00:11:22',
  ]);
});

test('a rule of the command line is an address, or else a pattern for vendors and host names', () => {
  const { rules: both } = withRules(NO_IGNORE_RULES, ['3c:22:fc', 'printer*', 'Apple*']);
  expect(ignoredBecause(both, { ...device, hostname: null })).toMatch(/vendor/);
  expect(ignoredBecause(both, { ...device, vendor: null })).toMatch(/host name/);
  expect(ignoredBecause(both, { mac: 0x3c22fc000001, vendor: null, hostname: null })).toMatch(/address/);
});

test.each([
  '3c:22:zz',
  '3c:2',
  '3:22:fb',
  'O0:11:22',
  '3c:22fb',
  '3c:22:fb:00:00:01:02',
  '3c-22-zz',
  '3c-22-f*',
  '3c22.fb00',
  '3c22.fb00.zz01',
  '3c22fb',
])('on the command line %s is an address with a slip in it, not a name', (written) => {
  expect(withRules(NO_IGNORE_RULES, [written]).problems).toEqual([
    expect.stringContaining(`"${written}" is not a MAC address or the beginning of one, such as 00:11:22`),
  ]);
});

test('names that only resemble addresses are names, whatever the registries call a vendor too', () => {
  const names = [
    'ap-01',
    'ap-01-02',
    'ad-12-lounge',
    'pc-ab-01',
    'facade',
    'cafe.lan',
    'e:cue',
    'printer-*',
    'Cisco*',
    '*',
  ];
  const records = createRequire(import.meta.url)('oui-data') as Record<string, string>;
  const vendors = Object.values(records).map((record) => record.split('\n')[0] ?? '');
  const { rules, problems } = withRules(NO_IGNORE_RULES, [...names, ...vendors]);
  expect(problems).toEqual([]);
  for (const name of names) expect(rules.hostnames.map(({ written }) => written)).toContain(name);
});

test('a pattern matches what the regular expression for it matches', () => {
  const expressionOf = (pattern: string) =>
    new RegExp(
      `^${pattern
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replace(/\*/g, '.*')
        .replace(/\?/g, '.')}$`,
      'isu',
    );
  const name = fc.string({ unit: fc.constantFrom('a', 'A', 'b', '.', '\n', 'é', 'É', '😀'), maxLength: 8 });
  const pattern = fc.string({
    unit: fc.constantFrom('a', 'B', '.', '(', '\\', 'É', '😀', '?', '*', '*'),
    maxLength: 6,
  });
  fc.assert(
    fc.property(pattern, name, (written, text) => {
      expect(patternOf(written)(text)).toBe(expressionOf(written).test(text));
    }),
    { numRuns: 5_000 },
  );
});

test('many stars do not make a pattern slow: with a regular expression this would take longer than anybody waits', () => {
  expect(patternOf(`${'*e'.repeat(30)}*x`)('e'.repeat(255))).toBe(false);
  expect(patternOf(`${'*e'.repeat(30)}*x`)(`${'e'.repeat(255)}x`)).toBe(true);
});
