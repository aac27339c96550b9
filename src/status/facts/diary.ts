// The diary of a location: who was here, when, and what was decided and done about it, for as long as RETENTION. The status page and
// `wifi-monitor suggest` read it. With Redis all sensors of the location share it, and it outlives them.
import { setTimeout as delay } from 'node:timers/promises';
import { formatIpv4 } from '../../addresses/ip-address.js';
import type { MacAddress } from '../../addresses/mac-address.js';
import type { Decision } from '../../devices/decision.js';
import { kindOfVisit } from '../../devices/kind-of-visit.js';
import type { Outcome } from '../../outbox/outbox.js';
import type { Report } from '../../outbox/report.js';
import type { PipelineListener } from '../../pipeline/listeners.js';
import type { VisitRecord } from '../../pipeline/record.js';
import type { Settlement } from '../../visits/register/visit-register.js';
import type { Visit } from '../../visits/visit.js';
import {
  type DiaryDecision,
  type DiaryEntry,
  type DiaryReport,
  type DiaryVisit,
  latestOf,
  mergeVisits,
  parseVisits,
  timeAfter,
  withReport,
} from './diary-entry.js';
import type { ChangeTime, DiaryStore } from './diary-store.js';

/** Redis is looked at, and written to, this often. */
const LOOK_EVERY_MS = 1_000;
/** Devices written or read in one go. */
const BATCH = 200;
/** Devices at most, some 20 MB: a flood of made-up addresses must not fill the memory. The one heard of longest ago gives way. */
const MAX_DEVICES = 20_000;
/** That a device is still here is written this often at most, or four times in a gap that is short. */
const TOUCH_EVERY_MS = 300_000;
/** What is older than the retention outlives it in Redis by a twenty-fourth at most. */
const MAX_BETWEEN_PRUNINGS_MS = 3_600_000;
/** Characters of a reason or a name that are kept. */
const MAX_TEXT = 1_000;
/** The outcome of a report whose visit another sensor has not written yet is kept for this long. */
const OUTCOME_WAITS_MS = 60_000;
const MAX_OUTCOMES = 1_000;
/** Much longer than all sensors need to hear that a device is to be forgotten. */
const FORGOTTEN_FOR_MS = 60_000;

export interface DiaryOptions {
  readonly businessId: number;
  readonly retentionMs: number;
  readonly gapMs: number;
  readonly isDryRun: boolean;
  /** Null: in memory alone. */
  readonly store: DiaryStore | null;
  /** As what server a device answers on this network; null when as none. */
  readonly serviceOf: (mac: MacAddress) => string | null;
}

interface Kept extends DiaryEntry {
  visits: readonly DiaryVisit[];
  /** Another number after every change. */
  version: number;
  /** What is in Redis may be less than this. */
  isDirty: boolean;
  /** When Redis was last read, by its own clock; 0 for never. */
  changedAt: ChangeTime;
}

interface WaitingOutcome {
  readonly report: Pick<Report, 'businessId' | 'mac' | 'startMs'>;
  readonly news: DiaryReport;
  readonly untilMs: number;
}

export class Diary implements PipelineListener {
  /** Another number after every change. */
  version = 0;
  /** The device heard of longest ago first. */
  private readonly kept = new Map<MacAddress, Kept>();
  /** Starts of the visits of this sensor that are in it. */
  private readonly starts = new WeakMap<Visit, number>();
  private outcomes: WaitingOutcome[] = [];
  private lookedAt: ChangeTime | null = null;
  private prunedMs = performance.now();
  /** Until when what Redis says of a device, or of its relatives, is not believed: another sensor has yet to forget it. */
  private readonly forgotten = new Map<MacAddress, number>();
  private looking: Promise<void> = Promise.resolve();
  private readonly touchMs: number;
  private readonly closing = new AbortController();
  private following: Promise<void> = Promise.resolve();
  private readonly store: DiaryStore | null;

  constructor(private readonly options: DiaryOptions) {
    this.store = options.store;
    this.touchMs = Math.min(TOUCH_EVERY_MS, options.gapMs / 4);
  }

  /** Begins to follow what other sensors write, and to write. */
  start(): void {
    this.following = this.follow();
  }

  /** Writes what is left. */
  async close(): Promise<void> {
    this.closing.abort();
    await this.following;
  }

  get(mac: MacAddress): DiaryEntry | null {
    return this.kept.get(mac) ?? null;
  }

  all(): IterableIterator<DiaryEntry & { readonly version: number }> {
    return this.kept.values();
  }

  visitOf(mac: MacAddress, startMs: number): DiaryVisit | null {
    return this.kept.get(mac)?.visits.find((visit) => visit.startMs === startMs) ?? null;
  }

  /** Whether the device is here, as far as the diary tells: its latest visit is not over. */
  isHere(entry: DiaryEntry): boolean {
    const { lastMs, overMs } = latestOf(entry);
    return overMs < lastMs && Date.now() - lastMs <= this.options.gapMs + this.touchMs;
  }

  onDecision({ visit, startMs, decision, settlement, report }: VisitRecord): void {
    if (startMs === null) return;
    this.starts.set(visit, startMs);
    this.enter(visit, startMs, decision, settlement, settlement === 'reported' && report !== null);
  }

  onDecidedAnew({ visit, startMs, decision, settlement, report }: VisitRecord): void {
    if (startMs === null) return;
    const isReported = decision?.kind === 'unrecognised' && settlement === 'reported';
    const state = this.visitOf(visit.mac, startMs)?.reports.at(-1)?.state;
    // A report that was withdrawn because of a label waits again without it, also that of another sensor.
    const isWaiting = isReported && (state === 'not-needed' || (state === undefined && report !== null));
    this.enter(visit, startMs, decision, settlement, isWaiting);
  }

  onNews(visit: Visit): void {
    const startMs = this.starts.get(visit);
    const before = startMs === undefined ? null : this.visitOf(visit.mac, startMs);
    if (startMs === undefined || before === null) return;
    const now = this.seen(visit, startMs);
    if (now.lastMs - before.lastMs >= this.touchMs || isNews(before, now)) this.change(visit.mac, now);
  }

  onEnded({ visit }: VisitRecord): void {
    const startMs = this.starts.get(visit);
    if (startMs === undefined) return;
    const seen = this.seen(visit, startMs);
    this.change(visit.mac, { ...seen, overMs: seen.lastMs });
  }

  onOutcome({ businessId, mac, startMs }: Report, outcome: Outcome): void {
    const news = newsOf(outcome);
    if (news === null || (this.store === null && businessId !== this.options.businessId)) return;
    const waiting = { report: { businessId, mac, startMs }, news, untilMs: performance.now() + OUTCOME_WAITS_MS };
    if (!this.take(waiting) && this.outcomes.length < MAX_OUTCOMES) this.outcomes.push(waiting);
  }

  onForget(mac: MacAddress): void {
    this.forgotten.set(mac, performance.now() + FORGOTTEN_FOR_MS);
    this.outcomes = this.outcomes.filter(({ report }) => report.mac !== mac);
    this.kept.delete(mac);
    this.version++;
    for (const kept of this.kept.values()) {
      if (!kept.visits.some(({ kin }) => kin?.mac === mac)) continue;
      kept.visits = this.clean(kept.visits);
      kept.version = ++this.version;
      kept.isDirty = true;
    }
  }

  /** Resolves when nothing that this sensor writes to Redis names the device any more. To be called after `onForget`. */
  async forget(mac: MacAddress): Promise<void> {
    await this.look().catch(() => {});
    await this.store?.forget([mac]);
  }

  private enter(
    visit: Visit,
    startMs: number,
    decision: Decision | null,
    settlement: Settlement | null,
    isWaiting: boolean,
  ): void {
    const state = this.options.isDryRun ? 'dry-run' : 'waiting';
    const known = this.visitOf(visit.mac, startMs);
    const told = decision === null ? null : toldOf(decision, timeAfter(known?.decisions ?? []));
    this.change(visit.mac, {
      ...this.seen(visit, startMs),
      settlement,
      decisions: told === null ? [] : [told],
      reports: isWaiting ? [{ atMs: timeAfter(known?.reports ?? []), state, reason: null, recordId: null }] : [],
    });
  }

  /** What this sensor knows of a visit: no decision and no report. */
  private seen(visit: Visit, startMs: number): DiaryVisit {
    return {
      startMs,
      firstMs: Math.min(startMs, visit.firstMs),
      lastMs: visit.lastMs,
      lastSightingMs: visit.lastSightingMs,
      overMs: 0,
      sightings: visit.sightings,
      keepAlives: visit.keepAlives,
      via: [...visit.via],
      ips: [...visit.ipv4s.map(formatIpv4), ...visit.ipv6s],
      hostnames: visit.hostname === null ? [] : [visit.hostname],
      vendorClass: visit.vendorClass,
      vlan: visit.vlan,
      kind: kindOfVisit(visit),
      kin: visit.kin === null ? null : { ...visit.kin },
      service: this.options.serviceOf(visit.mac),
      settlement: null,
      decisions: [],
      reports: [],
    };
  }

  private change(mac: MacAddress, visit: DiaryVisit): void {
    const known = this.kept.get(mac);
    this.kept.delete(mac);
    const visits = mergeVisits(known?.visits ?? [], [visit]);
    const kept = { mac, visits, version: ++this.version, isDirty: true, changedAt: known?.changedAt ?? 0 };
    this.kept.set(mac, kept);
    for (const oldest of this.kept.keys()) {
      if (this.kept.size <= MAX_DEVICES) break;
      this.kept.delete(oldest);
    }
  }

  /** Enters an outcome in its visit, when that is here and of this location. */
  private take({ report: { businessId, mac, startMs }, news }: WaitingOutcome): boolean {
    const visit = businessId === this.options.businessId ? this.visitOf(mac, startMs) : null;
    if (visit === null) return false;
    this.change(mac, withReport(visit, news));
    return true;
  }

  private async follow(): Promise<void> {
    const { signal } = this.closing;
    while (!signal.aborted) {
      // While Redis is away, what is here stays, and is written later.
      await this.look().catch(() => {});
      await delay(LOOK_EVERY_MS, undefined, { signal, ref: false }).catch(() => {});
    }
    await this.look().catch(() => {});
  }

  /** One look after the other. */
  private look(): Promise<void> {
    this.looking = this.looking.catch(() => {}).then(() => this.lookOnce());
    return this.looking;
  }

  private async lookOnce(): Promise<void> {
    this.prune();
    const { store } = this;
    if (store === null) {
      this.outcomes = this.outcomes.filter((outcome) => !this.take(outcome) && isWaiting(outcome));
      return;
    }
    await this.readChanges(store);
    await this.enterOutcomes(store);
    const dirty = [...this.kept.values()].filter(({ isDirty }) => isDirty);
    for (let at = 0; at < dirty.length; at += BATCH) await this.write(store, dirty.slice(at, at + BATCH));
    const pruneEveryMs = Math.min(MAX_BETWEEN_PRUNINGS_MS, this.options.retentionMs / 24);
    if (performance.now() - this.prunedMs > pruneEveryMs) await this.pruneStore(store);
  }

  /** At first everything, then what was written since. */
  private async readChanges(store: DiaryStore): Promise<void> {
    if (this.lookedAt === null) {
      const now = await store.now();
      for await (const some of store.all()) for (const [mac, visits] of some) this.merge(mac, this.clean(visits), 0);
      this.lookedAt = now;
      return;
    }
    const changed = await store.changedSince(this.lookedAt);
    const unread = [...changed].filter(([mac, at]) => this.kept.get(mac)?.changedAt !== at);
    for (let from = 0; from < unread.length; from += BATCH) {
      const batch = unread.slice(from, from + BATCH);
      const texts = await store.read(batch.map(([mac]) => mac));
      batch.forEach(([mac, at], index) => {
        this.merge(mac, this.clean(parseVisits(texts[index] ?? null) ?? []), at);
      });
    }
    for (const at of changed.values()) if (at > this.lookedAt) this.lookedAt = at;
  }

  private merge(mac: MacAddress, visits: readonly DiaryVisit[], changedAt: ChangeTime): void {
    const known = this.kept.get(mac);
    if (visits.length === 0 || this.forgotten.has(mac)) return;
    if (known === undefined) {
      if (this.kept.size >= MAX_DEVICES) return;
      this.kept.set(mac, { mac, visits, version: ++this.version, isDirty: false, changedAt });
      return;
    }
    known.changedAt = changedAt;
    this.learn(known, visits);
  }

  /** Most of what is read is what this sensor has written. */
  private learn(known: Kept, visits: readonly DiaryVisit[]): void {
    const merged = mergeVisits(known.visits, visits);
    if (JSON.stringify(merged) === JSON.stringify(known.visits)) return;
    known.visits = merged;
    known.version = ++this.version;
  }

  private async write(store: DiaryStore, batch: readonly Kept[]): Promise<void> {
    const texts = await store.read(batch.map(({ mac }) => mac));
    await Promise.all(
      batch.map(async (kept, index) => {
        const before = texts[index] ?? null;
        // Changed or forgotten meanwhile: what came instead is written next.
        if (this.kept.get(kept.mac) !== kept) return;
        const stored = parseVisits(before);
        if (stored !== null && !this.forgotten.has(kept.mac)) this.learn(kept, this.clean(stored));
        kept.isDirty = !(await store.write(kept.mac, before, kept.visits));
      }),
    );
  }

  /** Of reports that this sensor delivered for others. */
  private async enterOutcomes(store: DiaryStore): Promise<void> {
    const left: WaitingOutcome[] = [];
    for (const outcome of this.outcomes.splice(0)) {
      const { mac, startMs, businessId } = outcome.report;
      if (this.take(outcome)) continue;
      if (businessId !== this.options.businessId) {
        const theirs = store.of(businessId);
        const [text = null] = await theirs.read([mac]);
        const visits = parseVisits(text);
        const visit = visits?.find((one) => one.startMs === startMs);
        if (visits !== null && visit !== undefined) {
          const told = withReport(visit, outcome.news);
          if (await theirs.write(mac, text, mergeVisits(visits, [told]))) continue;
        }
      }
      if (isWaiting(outcome)) left.push(outcome);
    }
    // More may have come meanwhile.
    this.outcomes = [...left, ...this.outcomes];
  }

  /** Without visits that ended longer ago than the retention, and without relatives that were forgotten. */
  private clean(visits: readonly DiaryVisit[]): readonly DiaryVisit[] {
    const oldestMs = Date.now() - this.options.retentionMs;
    return visits
      .filter(({ lastMs }) => lastMs >= oldestMs)
      .map((visit) => (visit.kin !== null && this.forgotten.has(visit.kin.mac) ? { ...visit, kin: null } : visit));
  }

  private prune(): void {
    const oldestMs = Date.now() - this.options.retentionMs;
    for (const kept of this.kept.values()) {
      if (kept.visits.every(({ lastMs }) => lastMs >= oldestMs)) continue;
      kept.visits = this.clean(kept.visits);
      kept.version = ++this.version;
      kept.isDirty = true;
      if (kept.visits.length === 0) this.kept.delete(kept.mac);
    }
    const steadyMs = performance.now();
    for (const [mac, untilMs] of this.forgotten) if (untilMs < steadyMs) this.forgotten.delete(mac);
  }

  /** Removes what sensors have left that are no more. */
  private async pruneStore(store: DiaryStore): Promise<void> {
    this.prunedMs = performance.now();
    for await (const some of store.all()) {
      const old = [...some].filter(([, visits]) => this.clean(visits).length === 0);
      await store.forget(old.map(([mac]) => mac));
    }
  }
}

function isNews(before: DiaryVisit, now: DiaryVisit): boolean {
  // Another sensor may know what this one does not.
  const isOther = <T>(known: T, told: T) => told !== null && told !== known;
  const hasMore = (some: readonly string[], more: readonly string[]) => more.some((text) => !some.includes(text));
  return (
    hasMore(before.via, now.via) ||
    hasMore(before.ips, now.ips) ||
    hasMore(before.hostnames, now.hostnames) ||
    isOther(before.kind, now.kind) ||
    isOther(before.vendorClass, now.vendorClass) ||
    isOther(before.vlan, now.vlan) ||
    isOther(before.kin?.mac ?? null, now.kin?.mac ?? null) ||
    isOther(before.service, now.service)
  );
}

function isWaiting({ untilMs }: WaitingOutcome): boolean {
  return performance.now() < untilMs;
}

function toldOf({ kind, reason, owner, label }: Decision, atMs: number): DiaryDecision {
  return {
    atMs,
    kind,
    // Without the hint, which names another device: `kin` does, and can be taken out when that one is forgotten.
    reason: clip(reason),
    owner: owner === null ? null : { id: owner.kind === 'coworker' ? owner.id : null, name: clip(owner.name) },
    byLabel: label !== undefined,
  };
}

/** Null: nothing has become of it yet. */
function newsOf(outcome: Outcome): DiaryReport | null {
  const about = { atMs: Date.now(), reason: null, recordId: null };
  switch (outcome.kind) {
    case 'posted':
    case 'found':
      return { ...about, state: 'posted', recordId: outcome.recordId };
    case 'handed-over':
      return { ...about, state: 'handed-over', reason: clip(`the hub: ${outcome.decision.kind}`) };
    case 'not-needed':
      return { ...about, state: 'not-needed', reason: clip(outcome.reason) };
    case 'refused':
      return { ...about, state: 'refused', reason: clip(outcome.reason) };
    case 'put-back':
    case 'pause':
    case 'pause-own':
    case 'await-proof':
      return null;
  }
}

function clip(text: string): string {
  return text.slice(0, MAX_TEXT);
}
