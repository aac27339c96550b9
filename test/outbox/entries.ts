// What tests of the outbox put into it, and how they log in to the sandbox.
import { Directory, type DirectoryView } from '../../src/devices/directory/directory.js';
import { Equipment } from '../../src/devices/equipment.js';
import { NO_IGNORE_RULES } from '../../src/devices/ignore-rules.js';
import { failedCheckinBody } from '../../src/nexudus/failed-checkin.js';
import type { OutboxEntry } from '../../src/outbox/outbox.js';
import { visitId } from '../../src/visits/register/visit-register.js';

const START = Date.parse('2026-03-02T09:00:00Z');

/** Short enough for tests. */
export const PATIENCE = {
  firstPauseMs: 20,
  longestPauseMs: 100,
  loginPauseMs: 50,
  directoryPauseMs: 20,
  searchAfterMs: 20,
};

/** The sandbox's only account. */
export const LOGIN = { kind: 'password', username: 'admin@example.com', password: 'secret', totpSecret: null } as const;

/** The failed check-in of a device with the address da:00:00:00:xx:xx, a second after the one before. */
export function entryFor(number: number): OutboxEntry {
  const mac = 0xda0000000000 + number;
  const startMs = START + number * 1_000;
  const report = {
    businessId: 77,
    mac,
    startMs,
    vendor: null,
    randomised: true,
    hostname: null,
    ip: null,
    via: ['arp'],
  };
  const checkin = failedCheckinBody(report, null);
  return { id: visitId(77, mac, startMs), mac, ipv4: 0, hostname: null, checkin, sent: false };
}

/** A directory that was read, and is empty. */
export function emptyDirectory(): Directory {
  const directory = new Directory();
  directory.loaded = true;
  return directory;
}

/** Rules by which nobody is ignored, and known is who is in the directory. */
export function rulesOf<View extends DirectoryView>(directory: View) {
  return {
    businessId: 77,
    ignore: NO_IGNORE_RULES,
    equipment: new Equipment(),
    directory,
    reportInactive: false,
  };
}
