import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Directory, type Owner } from '../../../src/devices/directory/directory.js';

const anna: Owner = { kind: 'coworker', id: 1, name: 'Anna', status: 'active' };
const ben: Owner = { kind: 'coworker', id: 2, name: 'Ben', status: 'archived' };

test('a device belongs to whoever registered it, until a later reading says otherwise', () => {
  const directory = new Directory();
  directory.register(10, anna, [1, 2]);
  expect(directory.lookup(2)).toBe(anna);
  directory.register(10, anna, [1]);
  expect(directory.lookup(2)).toBeNull();
  expect(directory.lookup(1)).toBe(anna);
});

test('of several owners of one device the active one is named, in whatever order they came', () => {
  for (const order of [[anna, ben] as const, [ben, anna] as const]) {
    const directory = new Directory();
    for (const owner of order) directory.register(owner.id, owner, [7]);
    expect(directory.lookup(7)).toBe(anna);
    directory.forget(1);
    expect(directory.lookup(7)).toBe(ben);
  }
});

test('the local list knows devices that Nexudus does not; Nexudus comes first', () => {
  const directory = new Directory(new Map([[7, 'Reception iPad']]));
  expect(directory.lookup(7)).toEqual({ kind: 'local', name: 'Reception iPad' });
  directory.register(10, anna, [7]);
  expect(directory.lookup(7)).toBe(anna);
  expect(directory.size).toBe(1);
});

test('the local list comes before somebody who has left', () => {
  const directory = new Directory(new Map([[7, 'House phone']]));
  directory.register(11, ben, [7]);
  expect(directory.lookup(7)).toEqual({ kind: 'local', name: 'House phone' });
  directory.register(12, { kind: 'coworker', id: 3, name: 'Cleo', status: 'inactive' }, [7]);
  expect(directory.lookup(7)).toEqual({ kind: 'local', name: 'House phone' });
  directory.register(10, anna, [7]);
  expect(directory.lookup(7)).toBe(anna);
});

test('after any sequence of changes the index holds exactly what the users have', () => {
  const change = fc.record({
    user: fc.integer({ min: 1, max: 5 }),
    macs: fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { maxLength: 4 }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      const directory = new Directory();
      const users = new Map<number, readonly number[]>();
      for (const { user, macs } of changes) {
        directory.register(user, { kind: 'staff', userId: user, name: `${user}` }, macs);
        users.set(user, macs);
      }
      for (let mac = 1; mac <= 6; mac++) {
        const owners = [...users].filter(([, macs]) => macs.includes(mac)).map(([user]) => user);
        const found = directory.lookup(mac);
        if (owners.length === 0) expect(found).toBeNull();
        else expect(found?.kind === 'staff' && owners.includes(found.userId)).toBe(true);
      }
      expect(directory.size).toBe(new Set([...users.values()].flat()).size);
    }),
  );
});
