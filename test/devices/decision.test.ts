import { expect, test } from 'vitest';
import { withRules } from '../../src/config/ignore-rules.js';
import { type DecisionRules, decide, decideAgain } from '../../src/devices/decision.js';
import { Directory } from '../../src/devices/directory/directory.js';
import { Equipment, type RoleStanding } from '../../src/devices/equipment.js';
import { NO_IGNORE_RULES } from '../../src/devices/ignore-rules.js';

const phone = { mac: 0xda2233445566, hostname: 'Annas-iPhone' };

function rules(changes: Partial<DecisionRules> = {}): DecisionRules {
  const directory = new Directory();
  directory.loaded = true;
  return {
    ignore: NO_IGNORE_RULES,
    equipment: new Equipment(),
    directory,
    reportInactive: false,
    ...changes,
  };
}

function knowing(status: 'active' | 'inactive' | 'archived'): Directory {
  const directory = new Directory();
  directory.register(10, { kind: 'coworker', id: 1, name: 'Anna', status }, [phone.mac]);
  directory.loaded = true;
  return directory;
}

test('a device that nobody registered is unrecognised, and a private address is called one', () => {
  expect(decide(phone, rules())).toMatchObject({
    kind: 'unrecognised',
    reason: expect.stringContaining('private (randomised)'),
  });
  expect(decide({ ...phone, mac: 0x3c22fb000001 }, rules())).toMatchObject({
    kind: 'unrecognised',
    reason: 'nobody registered this address',
  });
});

test('a private address that shares its identity with a device that is here is said to, with the owner of that device', () => {
  const kin = { mac: 0x3c22fb000001, by: 'DHCP client id' };
  expect(decide({ ...phone, kin }, rules()).hint?.text).toBe(
    'it shows the same DHCP client id as 3c:22:fb:00:00:01, which was here until it came',
  );
  const directory = new Directory();
  directory.register(10, { kind: 'staff', userId: 10, name: 'Stan' }, [kin.mac]);
  directory.loaded = true;
  expect(decide({ ...phone, kin }, rules({ directory })).hint).toEqual({
    text: expect.stringMatching(/, registered by Stan$/),
    likelyOwner: 'Stan',
    kin: kin.mac,
  });
  // A burnt-in address is its owner's for good: sharing a name says nothing.
  expect(decide({ ...phone, mac: 0x3c22fb000002, kin }, rules()).hint).toBeNull();
});

test.each([
  [
    { kind: 'equipment', name: null },
    { kind: 'ignored', reason: 'labelled as equipment', owner: null },
  ],
  [
    { kind: 'equipment', name: 'TV' },
    { kind: 'ignored', reason: 'labelled as equipment (TV)', owner: null },
  ],
  [
    { kind: 'known', name: null },
    { kind: 'recognised', reason: 'labelled as known', owner: null },
  ],
  [
    { kind: 'known', name: 'Bob' },
    { kind: 'recognised', reason: 'labelled as Bob', owner: { kind: 'local', name: 'Bob' } },
  ],
] as const)(
  'the label %j decides before ignore rules, equipment and directory, even if none was read',
  (label, wanted) => {
    const labels = { of: (mac: number) => (mac === phone.mac ? { ...label, sinceMs: 0 } : null) };
    const ignore = withRules(NO_IGNORE_RULES, ['Annas-*']).rules;
    const equipment = new Equipment([phone.mac]);
    for (const directory of [knowing('active'), new Directory()]) {
      expect(decide(phone, rules({ labels, directory, ignore, equipment }))).toEqual({
        ...wanted,
        hint: null,
        label: label.kind,
      });
    }
    expect(decide({ ...phone, mac: phone.mac + 1 }, rules({ labels, ignore })).reason).toMatch(/ignore rule/);
  },
);

test('a registered device is recognised, by name', () => {
  expect(decide(phone, rules({ directory: knowing('active') }))).toMatchObject({
    kind: 'recognised',
    reason: 'registered by Anna',
  });
});

test('an archived coworker is recognised, unless inactive ones are to be reported', () => {
  const directory = knowing('archived');
  expect(decide(phone, rules({ directory }))).toMatchObject({
    kind: 'recognised',
    reason: 'registered by Anna (archived)',
  });
  expect(decide(phone, rules({ directory, reportInactive: true }))).toMatchObject({
    kind: 'unrecognised',
    reason: 'registered by Anna, whose account is archived',
  });
});

test('as long as no directory was loaded an unknown device is pending, but an ignored or locally known one is decided', () => {
  const directory = new Directory(new Map([[0x3c22fb000001, 'Printer']]));
  expect(decide(phone, rules({ directory })).kind).toBe('pending');
  expect(decide({ ...phone, mac: 0x3c22fb000001 }, rules({ directory })).kind).toBe('recognised');
  expect(decide(phone, rules({ directory, ignore: withRules(NO_IGNORE_RULES, ['Annas-*']).rules })).kind).toBe(
    'ignored',
  );
});

test('equipment is ignored, and the reason says what it is', () => {
  const equipment = new Equipment([0x020000000001]);
  expect(decide({ mac: 0x020000000001, hostname: null }, rules({ equipment }))).toMatchObject({
    kind: 'ignored',
    reason: 'this is the sensor itself',
  });
});

test('a role that may be forged does not cancel a report that waits; one that is sure does, and so does a registration', () => {
  const equipment = new Equipment();
  const standings: RoleStanding[] = ['announced', 'proven', 'sure'];
  for (const [index, standing] of standings.entries()) {
    equipment.roleOf = () => ({ description: 'the router', standing });
    const allRules = rules({ equipment });
    expect(decide(phone, allRules).kind).toBe('ignored');
    expect(decideAgain(phone, allRules, 'proven').kind).toBe(index >= 1 ? 'ignored' : 'unrecognised');
    expect(decideAgain(phone, allRules, 'sure').kind).toBe(index >= 2 ? 'ignored' : 'unrecognised');
    expect(decideAgain(phone, { ...allRules, directory: knowing('active') }, 'sure').kind).toBe(
      index >= 2 ? 'ignored' : 'recognised',
    );
  }
});

test.each([
  [0x00005e000101, 'VRRP'],
  [0x00005e000233, 'VRRP'],
  [0x00000c07ac01, 'HSRP'],
  [0x00000c9ff123, 'HSRP version 2'],
])('the virtual router address %i is equipment (%s)', (mac, protocol) => {
  expect(decide({ mac, hostname: null }, rules())).toMatchObject({
    kind: 'ignored',
    reason: `this is a virtual router address (${protocol})`,
  });
});
