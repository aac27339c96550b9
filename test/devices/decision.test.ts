import { expect, test } from 'vitest';
import { withRules } from '../../src/config/ignore-rules.js';
import { type DecisionRules, decide } from '../../src/devices/decision.js';
import { Directory } from '../../src/devices/directory/directory.js';
import { Equipment } from '../../src/devices/equipment.js';
import { NO_IGNORE_RULES } from '../../src/devices/ignore-rules.js';

const phone = { mac: 0xda2233445566, hostname: 'Annas-iPhone', ipv4: 0x0a4d0064 };

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
  expect(decide({ ...phone, kin }, rules()).hint).toBe(
    'it shows the same DHCP client id as 3c:22:fb:00:00:01, which is here too',
  );
  const directory = new Directory();
  directory.register(10, { kind: 'staff', userId: 10, name: 'Stan' }, [kin.mac]);
  directory.loaded = true;
  expect(decide({ ...phone, kin }, rules({ directory })).hint).toMatch(/, registered by Stan$/);
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

test('equipment that announces itself is ignored, by address or by MAC, and the reason says what it is', () => {
  const equipment = new Equipment([0x020000000001]);
  equipment.learn({
    dhcpServerMac: 0x3c22fb000009,
    dhcpServerIp: 0,
    routerIp: phone.ipv4,
    routerMac: 0,
    relayMac: 0,
  });
  expect(decide(phone, rules({ equipment })).reason).toBe('this is the router that DHCP announces');
  expect(decide({ ...phone, mac: 0x3c22fb000009, ipv4: 0 }, rules({ equipment })).reason).toBe(
    'this is the DHCP server',
  );
  expect(decide({ ...phone, mac: 0x020000000001, ipv4: 0 }, rules({ equipment })).reason).toBe(
    'this is the sensor itself',
  );
});

test.each([
  [0x00005e000101, 'VRRP'],
  [0x00005e000233, 'VRRP'],
  [0x00000c07ac01, 'HSRP'],
  [0x00000c9ff123, 'HSRP version 2'],
])('the virtual router address %i is equipment (%s)', (mac, protocol) => {
  expect(decide({ mac, hostname: null, ipv4: 0 }, rules())).toMatchObject({
    kind: 'ignored',
    reason: `this is a virtual router address (${protocol})`,
  });
});

test('a flood of announcements cannot fill the memory, nor turn every visitor into equipment', () => {
  const equipment = new Equipment();
  for (let i = 1; i <= 10_000; i++)
    equipment.learn({ dhcpServerMac: i, dhcpServerIp: i, routerIp: 0, routerMac: 0, relayMac: 0 });
  expect(equipment.roleOf(9_999, 9_999)).toBeNull();
});

test('an IP address that announcements have left out for a day is no equipment any more; the own gateway always is', () => {
  const [gateway, former, router] = [0x0a000001, 0x0a000002, 0x0a000003];
  const announced = { dhcpServerMac: 0x3c22fb000009, dhcpServerIp: 0, routerMac: 0, relayMac: 0 };
  const hour = 3_600_000;
  const equipment = new Equipment();
  equipment.addGateway(gateway);
  equipment.learn({ ...announced, routerIp: former }, 0);
  equipment.learn({ ...announced, routerIp: former }, hour);
  equipment.learn({ ...announced, routerIp: router }, 25 * hour);
  expect(equipment.roleOf(1, former)).toBe('the router that DHCP announces');
  equipment.learn({ ...announced, routerIp: router }, 25 * hour + 1);
  expect(equipment.roleOf(1, former)).toBeNull();
  expect(equipment.roleOf(1, router)).toBe('the router that DHCP announces');
  expect(equipment.roleOf(1, gateway)).toBe('the router');
  expect(equipment.roleOf(0x3c22fb000009, 0)).toBe('the DHCP server');
});

test('a network on which nothing was announced for a while still knows its router', () => {
  const equipment = new Equipment();
  const announcement = { dhcpServerMac: 0, dhcpServerIp: 0x0a000001, routerIp: 0x0a000001, routerMac: 0, relayMac: 0 };
  equipment.learn(announcement, 0);
  equipment.learn({ ...announcement, dhcpServerIp: 0, routerIp: 0x0a000002 }, 1e9);
  expect(equipment.roleOf(1, 0x0a000001)).toBe('the DHCP server');
  equipment.learn(announcement, 2e9);
  expect(equipment.roleOf(1, 0x0a000001)).toBe('the DHCP server');
});
