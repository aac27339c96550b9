// Visits as the diary keeps them, for tests.
import type { DecisionKind } from '../../../src/devices/decision.js';
import type { DiaryVisit } from '../../../src/status/facts/diary-entry.js';

/** A visit of an hour, unless `facts` say otherwise, that was decided as `kinds`, one minute after the other. */
export function diaryVisit(
  facts: Partial<DiaryVisit> & Pick<DiaryVisit, 'startMs'>,
  ...kinds: readonly DecisionKind[]
): DiaryVisit {
  const { startMs } = facts;
  const lastMs = facts.lastMs ?? startMs + 3_600_000;
  return {
    firstMs: startMs,
    lastMs,
    lastSightingMs: lastMs,
    overMs: 0,
    sightings: 1,
    keepAlives: 0,
    via: ['arp'],
    ips: [],
    hostnames: [],
    vendorClass: null,
    vlan: null,
    kind: null,
    kin: null,
    service: null,
    settlement: null,
    decisions: kinds.map((kind, at) => ({
      atMs: startMs + at * 60_000,
      kind,
      reason: `because it is ${kind}`,
      owner: null,
      byLabel: false,
    })),
    reports: [],
    ...facts,
  };
}
