// The state of a running sensor as JSON, for the status page and its API.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { formatMac, type MacAddress } from '../../addresses/mac-address.js';
import type { Label } from '../../devices/labels.js';
import type { OutboxCounts } from '../../outbox/outbox.js';
import { RecentAnswer } from '../../outbox/recent-answer.js';
import type { VisitRecord } from '../../pipeline/record.js';
import { type LabelJson, labelJson, labelNotice, labelsJson } from '../../presenters/label-json.js';
import { type OutboxEntryJson, outboxEntryJson } from '../../presenters/outbox-json.js';
import { visitJson } from '../../presenters/visit-json.js';
import { visitId } from '../../visits/register/visit-register.js';
import type { Visit } from '../../visits/visit.js';
import type { ArrivalsJson } from './arrivals.js';
import {
  type DeviceJson,
  diaryVisitJson,
  type KinJson,
  type Standing,
  type StoryJson,
  type SuggestionJson,
  standingOf,
  storyVisitJson,
  visitsSince,
  withDiary,
} from './device-json.js';
import { type DiaryEntry, type DiaryVisit, latestOf } from './diary-entry.js';
import { type Health, healthOf } from './health.js';
import type { OutboxListing, ReportJson } from './report-state.js';
import { factsAbout, type SensorFacts } from './sensor-facts.js';
import { type DiarySuggestion, suggestionsIn } from './suggestions.js';

/** At most so many entries are listed. The counts include all. */
const MAX_ENTRIES = 200;
/** At most so many devices are shown, some 10 MB of JSON. In a flood there may be more visits. */
export const MAX_DEVICES = 10_000;
/** Suggestions at most; as they are labelled, others follow. */
const MAX_SUGGESTIONS = 100;
/** Looking for equipment among thousands of devices takes some milliseconds. */
const SUGGEST_EVERY_MS = 10_000;
/** So many devices are made at once. Frames wait meanwhile. */
const BATCH = 500;

export interface LabelsJson {
  readonly labels: readonly LabelJson[];
  /** How to keep them; null when they are kept in Redis. */
  readonly notice: string | null;
}

export interface OutboxJson {
  readonly counts: OutboxCounts;
  /** When the oldest entry that is not refused was added. */
  readonly oldest: string | null;
  /** Why nothing can be delivered now; null when delivery works. */
  readonly paused: string | null;
  /** Refused entries first. */
  readonly entries: readonly OutboxEntryJson[];
}

export interface StatusJson {
  readonly health: Health;
  readonly arrivals: ArrivalsJson;
  readonly counters: {
    readonly frames: number;
    readonly sightings: number;
    readonly malformed: number;
  };
}

export class Overview {
  private readonly listing: RecentAnswer<OutboxListing>;
  private suggested: readonly DiarySuggestion[] = [];
  private suggestedMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly sensor: SensorFacts) {
    this.listing = new RecentAnswer(async () => {
      const askedMs = performance.now();
      const found = await sensor.outbox.list(MAX_ENTRIES);
      const items = new Map(found.map((item) => [item.id, item]));
      const before = this.listing.latest?.items ?? items;
      return { items, before, isComplete: found.length < MAX_ENTRIES, askedMs };
    });
  }

  /** Reads the listing of the outbox, from which devices get the states of their reports. Never rejects. */
  async refresh(): Promise<void> {
    await this.listing.current();
  }

  async health(): Promise<Health> {
    return healthOf(await factsAbout(this.sensor));
  }

  arrivals(): ArrivalsJson {
    return this.sensor.arrivals.today();
  }

  async status(): Promise<StatusJson> {
    const { frames, sightings, malformed } = this.sensor.pipeline.counts;
    return {
      health: await this.health(),
      arrivals: this.arrivals(),
      counters: { frames, sightings, malformed },
    };
  }

  /** Returns null when the outbox does not answer. */
  async outbox(): Promise<OutboxJson | null> {
    const { outboxWatch, reports } = this.sensor;
    const [look, listing] = await Promise.all([outboxWatch.current(), this.listing.current()]);
    if (look === null || listing === null) return null;
    return {
      counts: look.counts,
      oldest: look.oldestMs === null ? null : new Date(look.oldestMs).toISOString(),
      paused: reports.pauseReason,
      entries: [...listing.items.values()].map((item) => outboxEntryJson({ ...item, reason: reports.reasonOf(item) })),
    };
  }

  /** Sends a refused entry again, or all of them with null. Returns how many; null when the outbox does not answer. */
  async retry(id: string | null): Promise<number | null> {
    const answer = await answerOf(() => this.sensor.outbox.retry(id));
    this.listing.outdate();
    this.sensor.outboxWatch.outdate();
    return answer;
  }

  /** Returns null when Redis does not answer, as do `label` and `unlabel`. */
  async labels(): Promise<LabelsJson | null> {
    const labels = await answerOf(() => this.sensor.labelStore.all());
    return labels === null ? null : { labels: labelsJson(labels), notice: await this.labelNotice() };
  }

  /** `from` is the address that asked. Returns `full` when there are too many labels. */
  async label(
    mac: MacAddress,
    label: Label,
    from: string,
  ): Promise<(LabelJson & { notice: string | null }) | 'full' | null> {
    const isPut = await answerOf(() => this.sensor.labelStore.put(mac, label));
    if (isPut === null) return null;
    if (!isPut) return 'full';
    this.sensor.onLabelAsked(mac, label.kind, from);
    return { ...labelJson(mac, label), notice: await this.labelNotice() };
  }

  /** Returns whether there was a label. */
  async unlabel(mac: MacAddress, from: string): Promise<boolean | null> {
    const isRemoved = await answerOf(() => this.sensor.labelStore.remove(mac));
    if (isRemoved === true) this.sensor.onLabelAsked(mac, null, from);
    return isRemoved;
  }

  private async labelNotice(): Promise<string | null> {
    const { labelStore, ignoreMacs } = this.sensor;
    return labelStore.isLasting ? null : labelNotice(await labelStore.all(), ignoreMacs);
  }

  /** Yields the open visits, at most MAX_DEVICES of them. */
  *visits(): Generator<Visit> {
    let count = 0;
    for (const visit of this.sensor.pipeline.tracker.open()) {
      if (++count > MAX_DEVICES) return;
      yield visit;
    }
  }

  get openVisits(): number {
    return this.sensor.pipeline.tracker.size;
  }

  isOpen(mac: MacAddress): boolean {
    return this.sensor.pipeline.tracker.has(mac);
  }

  isHere(entry: DiaryEntry): boolean {
    return this.sensor.diary.isHere(entry);
  }

  /** The devices of all open visits, batch by batch, so that capturing goes on in between. */
  devices(): AsyncGenerator<DeviceJson[]> {
    return inBatches(this.visits(), (visit) => this.device(visit));
  }

  /** The devices that were here today and of which no visit is open in this sensor, batch by batch. */
  otherDevices(): AsyncGenerator<DeviceJson[]> {
    return inBatches(this.others(), (entry) => this.otherDevice(entry));
  }

  /** Those, at most MAX_DEVICES of them. Some may be here, as another sensor says, or this one before a restart. */
  *others(): Generator<DiaryEntry & { readonly version: number }> {
    const { diary, day } = this.sensor;
    const startMs = day.startOfToday();
    let count = 0;
    for (const entry of diary.all()) {
      if (this.isOpen(entry.mac) || (latestOf(entry).lastMs < startMs && !diary.isHere(entry))) continue;
      if (++count > MAX_DEVICES) return;
      yield entry;
    }
  }

  device(visit: Visit): DeviceJson {
    const record = this.recordOf(visit);
    const { startMs } = record;
    const entry = this.sensor.diary.get(visit.mac);
    const json = visitJson(record);
    return {
      ...(entry === null ? json : withDiary(json, entry)),
      id: startMs === null ? null : visitId(this.sensor.businessId, visit.mac, startMs),
      here: true,
      visitsToday: this.visitsToday(entry),
      report: this.reportState(record),
      label: this.labelOf(visit.mac),
    };
  }

  otherDevice(entry: DiaryEntry): DeviceJson {
    const { mac } = entry;
    const latest = latestOf(entry);
    return {
      ...withDiary(diaryVisitJson(mac, latest, this.standing(entry)), entry),
      id: visitId(this.sensor.businessId, mac, latest.startMs),
      here: this.sensor.diary.isHere(entry),
      visitsToday: this.visitsToday(entry),
      report: this.otherReport(entry),
      label: this.labelOf(mac),
    };
  }

  /** What a device is by now of which no visit is open in this sensor. */
  standing(entry: DiaryEntry): Standing {
    const latest = latestOf(entry);
    const { mac } = entry;
    return standingOf(
      latest,
      this.sensor.decideNow({ mac, hostname: latest.hostnames.at(-1) ?? null, kin: latest.kin }),
    );
  }

  otherReport(entry: DiaryEntry): ReportJson {
    const latest = latestOf(entry);
    const { startMs, settlement } = latest;
    const label = this.sensor.labels.of(entry.mac);
    const decision = label === null ? {} : { label: label.kind };
    const visit = { visit: entry, startMs, settlement, decision };
    return this.sensor.reports.of(visit, this.listing.latest, latest.reports.at(-1) ?? null);
  }

  reportState(record: VisitRecord): ReportJson {
    const { visit, startMs } = record;
    const told = startMs === null ? null : this.sensor.diary.visitOf(visit.mac, startMs);
    return this.sensor.reports.of(record, this.listing.latest, told?.reports.at(-1) ?? null);
  }

  /** The story of a device; null when nothing is known of it. */
  story(mac: MacAddress): StoryJson | null {
    const { diary, day } = this.sensor;
    const visit = this.openVisit(mac);
    const entry = diary.get(mac);
    if (visit === null && entry === null) return null;
    const device = visit !== null ? this.device(visit) : entry !== null ? this.otherDevice(entry) : null;
    if (device === null) return null;
    const visits = entry?.visits ?? [];
    const latest = entry === null ? null : latestOf(entry);
    return {
      device,
      nexudusMac: formatMac(mac).toUpperCase(),
      day: { date: day.clockAt(Date.now()).date, from: new Date(day.startOfToday()).toISOString() },
      visits: visits.map((one) => storyVisitJson(one, !(device.here && one === latest))),
      hostnames: latestLast(visits.map(({ hostnames }) => hostnames)),
      ips: latestLast(visits.map(({ ips }) => ips)),
      kin: this.kinOf(mac, visits),
      suggestion: this.suggestions().find((suggestion) => suggestion.mac === device.mac) ?? null,
    };
  }

  /** Devices that look like equipment and are nobody's yet, those that need care last. */
  suggestions(): readonly SuggestionJson[] {
    const nowMs = performance.now();
    if (nowMs - this.suggestedMs > SUGGEST_EVERY_MS) {
      this.suggestedMs = nowMs;
      this.suggested = suggestionsIn(this.sensor.diary.all(), Date.now(), this.sensor.timeZone);
    }
    const isOpenQuestion = ({ entry }: DiarySuggestion) => {
      const visit = this.openVisit(entry.mac);
      const kind = visit === null ? this.standing(entry).decision : this.recordOf(visit).decision?.kind;
      return this.sensor.labels.of(entry.mac) === null && (kind === 'unrecognised' || kind === 'pending');
    };
    return this.suggested
      .filter(isOpenQuestion)
      .slice(0, MAX_SUGGESTIONS)
      .map(({ json }) => json);
  }

  recordOf(visit: Visit): VisitRecord {
    // There is no record until the first burst of the visit has gone quiet.
    return (
      this.sensor.pipeline.recordOf(visit) ?? { visit, startMs: null, decision: null, settlement: null, report: null }
    );
  }

  labelOf(mac: MacAddress): LabelJson | null {
    const label = this.sensor.labels.of(mac);
    return label === null ? null : labelJson(mac, label);
  }

  private openVisit(mac: MacAddress): Visit | null {
    return this.sensor.pipeline.tracker.visitOf(mac);
  }

  private visitsToday(entry: DiaryEntry | null): number {
    return Math.max(1, visitsSince(entry?.visits ?? [], this.sensor.day.startOfToday()));
  }

  private kinOf(mac: MacAddress, visits: readonly DiaryVisit[]): KinJson[] {
    const kin: KinJson[] = [];
    const earlier = visits.findLast((visit) => visit.kin !== null)?.kin ?? null;
    if (earlier !== null) kin.push({ mac: formatMac(earlier.mac), by: earlier.by, is: 'earlier' });
    for (const other of this.sensor.diary.all()) {
      const later = other.visits.findLast((visit) => visit.kin?.mac === mac)?.kin;
      if (later !== undefined && later !== null) kin.push({ mac: formatMac(other.mac), by: later.by, is: 'later' });
    }
    return kin;
  }
}

async function* inBatches<T>(all: Iterable<T>, jsonOf: (one: T) => DeviceJson): AsyncGenerator<DeviceJson[]> {
  let batch: DeviceJson[] = [];
  for (const one of all) {
    batch.push(jsonOf(one));
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
    await nextTurn();
  }
  yield batch;
}

/** Each text once, where it was last: the latest is the last one. */
function latestLast(lists: readonly (readonly string[])[]): string[] {
  return [...new Set(lists.flat().reverse())].reverse();
}

/** Returns null when there is no answer in time. Never rejects. */
function answerOf<T>(question: () => Promise<T>): Promise<T | null> {
  return new RecentAnswer(question).current();
}
