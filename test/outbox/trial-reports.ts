// What tests of the outbox put into it, and how they log in to the sandbox.
import { Directory, type DirectoryView } from '../../src/devices/directory/directory.js';
import { Equipment } from '../../src/devices/equipment.js';
import { NO_IGNORE_RULES } from '../../src/devices/ignore-rules.js';
import type { Report } from '../../src/outbox/report.js';
import { visitId } from '../../src/visits/register/visit-register.js';

const START = Date.parse('2026-03-02T09:00:00Z');

/** Short enough for tests. */
export const PATIENCE = {
  firstPauseMs: 20,
  longestPauseMs: 100,
  loginPauseMs: 50,
  directoryPauseMs: 20,
  searchAfterMs: 20,
  postWithinMs: 25_000,
};

/** The sandbox's only account. */
export const LOGIN = { kind: 'password', username: 'admin@example.com', password: 'secret', totpSecret: null } as const;

/** The report of a device with the address da:00:00:00:xx:xx, a second after the one before. */
export function reportFor(number: number): Report {
  const mac = 0xda0000000000 + number;
  const startMs = START + number * 1_000;
  return {
    id: visitId(77, mac, startMs),
    businessId: 77,
    mac,
    startMs,
    localStart: null,
    kind: null,
    hostname: null,
    ipv4: 0,
    ipv6: null,
    via: ['arp'],
    likelyOwner: null,
    inactive: null,
    sent: false,
    proven: true,
  };
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
