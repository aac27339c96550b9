// What the diary keeps of one device: its visits, and what was found out and done during each. Several sensors write about the same
// visit, so two accounts of it can be merged, in any order and any number of times, into one that holds what both know.
import { z } from 'zod';
import type { MacAddress } from '../../addresses/mac-address.js';
import type { Settlement } from '../../visits/register/visit-register.js';

/** A device keeps this many visits, the latest ones. */
const MAX_VISITS = 24;
const MAX_LIST = 16;
/** Decisions and states of the report that a visit keeps, the latest ones. */
const MAX_NEWS = 8;

const MS = z.number().int().min(0).max(8_640_000_000_000_000);
const COUNT = z.number().int().nonnegative();
const TEXT = z.string().max(1_000);
const LIST = z.array(z.string().max(300)).max(MAX_LIST);

const DECISION = z.object({
  atMs: MS,
  kind: z.enum(['ignored', 'recognised', 'unrecognised', 'pending']),
  reason: TEXT,
  owner: z.object({ id: z.number().nullable(), name: TEXT }).nullable(),
  byLabel: z.boolean(),
});

const REPORT = z.object({
  atMs: MS,
  state: z.enum(['waiting', 'posted', 'refused', 'not-needed', 'handed-over', 'dry-run']),
  reason: TEXT.nullable(),
  recordId: z.number().nullable(),
});

const SETTLEMENT = z.enum(['reported', 'spaced', 'recognised', 'ignored', 'labelled']) satisfies z.ZodType<Settlement>;

const VISIT = z.object({
  /** As in the visit's id. */
  startMs: MS,
  firstMs: MS,
  /** The last sign of life. */
  lastMs: MS,
  lastSightingMs: MS,
  /** The last sign of life after which the device was found to have left; 0 when that was never so. */
  overMs: MS,
  sightings: COUNT,
  keepAlives: COUNT,
  via: LIST,
  ips: LIST,
  /** Names that the device gave itself, the latest last. */
  hostnames: LIST,
  vendorClass: TEXT.nullable(),
  vlan: z.number().int().nullable(),
  kind: TEXT.nullable(),
  /** The device's earlier address, most likely. */
  kin: z.object({ mac: MS, by: z.string().max(40) }).nullable(),
  /** As what server it answers on this network. */
  service: TEXT.nullable(),
  settlement: SETTLEMENT.nullable(),
  /** What was decided, and what became of the report: the latest last. */
  decisions: z.array(DECISION).max(MAX_NEWS),
  reports: z.array(REPORT).max(MAX_NEWS),
});

const VISITS = z.array(VISIT).min(1).max(MAX_VISITS);

export type DiaryDecision = Readonly<z.infer<typeof DECISION>>;
export type DiaryReport = Readonly<z.infer<typeof REPORT>>;
export type DiaryVisit = Readonly<z.infer<typeof VISIT>>;

/** One device's visits, in the order in which they began. Never empty. */
export interface DiaryEntry {
  readonly mac: MacAddress;
  readonly visits: readonly DiaryVisit[];
}

/** Null: nothing of ours. Others can write to Redis as well. */
export function parseVisits(text: string | null): readonly DiaryVisit[] | null {
  try {
    return VISITS.safeParse(JSON.parse(text ?? 'null')).data ?? null;
  } catch {
    return null;
  }
}

/** Two accounts of the visits of one device as one. */
export function mergeVisits(some: readonly DiaryVisit[], others: readonly DiaryVisit[]): readonly DiaryVisit[] {
  const byStart = new Map(some.map((visit) => [visit.startMs, visit]));
  for (const other of others) {
    const visit = byStart.get(other.startMs);
    byStart.set(other.startMs, visit === undefined ? other : mergeVisit(visit, other));
  }
  return [...byStart.values()].sort((a, b) => a.startMs - b.startMs).slice(-MAX_VISITS);
}

function mergeVisit(a: DiaryVisit, b: DiaryVisit): DiaryVisit {
  const [earlier, later] = a.lastMs <= b.lastMs ? [a, b] : [b, a];
  const isTie = a.lastMs === b.lastMs;
  const decider = (a.decisions.at(-1)?.atMs ?? 0) > (b.decisions.at(-1)?.atMs ?? 0) ? a : b;
  const other = decider === a ? b : a;
  return {
    startMs: a.startMs,
    firstMs: Math.min(a.firstMs, b.firstMs),
    lastMs: later.lastMs,
    lastSightingMs: Math.max(a.lastSightingMs, b.lastSightingMs),
    overMs: Math.max(a.overMs, b.overMs),
    sightings: Math.max(a.sightings, b.sightings),
    keepAlives: Math.max(a.keepAlives, b.keepAlives),
    via: union(earlier.via, later.via, isTie),
    ips: union(earlier.ips, later.ips, isTie),
    hostnames: union(earlier.hostnames, later.hostnames, isTie),
    vendorClass: later.vendorClass ?? earlier.vendorClass,
    vlan: later.vlan ?? earlier.vlan,
    kind: later.kind ?? earlier.kind,
    kin: later.kin ?? earlier.kin,
    service: later.service ?? earlier.service,
    settlement: decider.settlement ?? other.settlement,
    decisions: withoutRepeats([...a.decisions, ...b.decisions]),
    reports: withoutRepeats([...a.reports, ...b.reports]),
  };
}

/** What is in both comes where the later list has it; of lists of the same time the first one keeps its order. */
function union(earlier: readonly string[], later: readonly string[], isTie: boolean): string[] {
  const both = isTie ? [...earlier, ...later] : [...earlier.filter((text) => !later.includes(text)), ...later];
  return [...new Set(both)].slice(-MAX_LIST);
}

/** In the order of time; what says the same as what came just before it is left out. */
function withoutRepeats<T extends { readonly atMs: number }>(news: readonly T[]): T[] {
  const kept: { readonly one: T; readonly told: string }[] = [];
  // In whatever order its parts were written.
  const told = news.map((one) => ({ one, told: JSON.stringify(Object.entries({ ...one, atMs: 0 }).sort()) }));
  // What came in one millisecond has an order, too, so that every sensor has it in the same.
  told.sort((a, b) => a.one.atMs - b.one.atMs || (a.told < b.told ? -1 : Number(a.told > b.told)));
  for (const next of told) if (kept.at(-1)?.told !== next.told) kept.push(next);
  return kept.map(({ one }) => one).slice(-MAX_NEWS);
}

/** The time of the next piece of news: later than those that there are, also while the clock is set back. */
export function timeAfter(news: readonly { readonly atMs: number }[], atMs = Date.now()): number {
  return Math.max(atMs, (news.at(-1)?.atMs ?? 0) + 1);
}

/** The visit with one more piece of news of its report. */
export function withReport(visit: DiaryVisit, news: DiaryReport): DiaryVisit {
  return {
    ...visit,
    reports: [...visit.reports, { ...news, atMs: timeAfter(visit.reports, news.atMs) }].slice(-MAX_NEWS),
  };
}

export interface Presence {
  readonly fromMs: number;
  readonly toMs: number;
}

/** When the device was here: visits that overlap, as two sensors may have told of them, are one. */
export function presenceOf(visits: readonly DiaryVisit[]): readonly Presence[] {
  const spans: { fromMs: number; toMs: number }[] = [];
  for (const { firstMs: fromMs, lastMs: toMs } of visits) {
    const last = spans.at(-1);
    if (last !== undefined && fromMs <= last.toMs) last.toMs = Math.max(last.toMs, toMs);
    else spans.push({ fromMs, toMs });
  }
  return spans;
}

/** The visit in which the device was last alive. */
export function latestOf({ visits }: DiaryEntry): DiaryVisit {
  return visits.reduce((latest, visit) => (visit.lastMs >= latest.lastMs ? visit : latest));
}
