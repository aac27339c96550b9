// The state of a running sensor as JSON, for the status page and its API.
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MacAddress } from '../../addresses/mac-address.js';
import type { Label } from '../../devices/labels.js';
import type { OutboxCounts } from '../../outbox/outbox.js';
import { RecentAnswer } from '../../outbox/recent-answer.js';
import type { VisitRecord } from '../../pipeline/record.js';
import { type LabelJson, labelJson, labelNotice, labelsJson } from '../../presenters/label-json.js';
import { type OutboxEntryJson, outboxEntryJson } from '../../presenters/outbox-json.js';
import { type VisitJson, visitJson } from '../../presenters/visit-json.js';
import { visitId } from '../../visits/register/visit-register.js';
import type { Visit } from '../../visits/visit.js';
import type { ArrivalsJson } from './arrivals.js';
import { type Health, healthOf } from './health.js';
import type { OutboxListing, ReportJson } from './report-state.js';
import { factsAbout, type SensorFacts } from './sensor-facts.js';

/** At most so many entries are listed. The counts include all. */
const MAX_ENTRIES = 200;
/** At most so many devices are shown, some 10 MB of JSON. In a flood there may be more visits. */
export const MAX_DEVICES = 10_000;
/** So many devices are made at once. Frames wait meanwhile. */
const BATCH = 500;

export interface DeviceJson extends VisitJson {
  /** The id of the visit, also in the outbox; null until the visit is registered. */
  readonly id: string | null;
  readonly report: ReportJson;
  /** Null when the device is not labelled. */
  readonly label: LabelJson | null;
}

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

  async status(): Promise<StatusJson> {
    const { frames, sightings, malformed } = this.sensor.pipeline.counts;
    return {
      health: await this.health(),
      arrivals: this.sensor.arrivals.today(),
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

  isHere(mac: MacAddress): boolean {
    return this.sensor.pipeline.tracker.has(mac);
  }

  /** Yields the devices of all open visits in batches, so that capturing goes on in between. */
  async *devices(): AsyncGenerator<DeviceJson[]> {
    let batch: DeviceJson[] = [];
    for (const visit of this.visits()) {
      batch.push(this.device(visit));
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
      await nextTurn();
    }
    yield batch;
  }

  device(visit: Visit): DeviceJson {
    const record = this.recordOf(visit);
    const { startMs } = record;
    const label = this.sensor.labels.of(visit.mac);
    return {
      ...visitJson(record),
      id: startMs === null ? null : visitId(this.sensor.businessId, visit.mac, startMs),
      report: this.reportState(record),
      label: label === null ? null : labelJson(visit.mac, label),
    };
  }

  reportState(record: VisitRecord): ReportJson {
    return this.sensor.reports.of(record, this.listing.latest);
  }

  recordOf(visit: Visit): VisitRecord {
    // There is no record until the first burst of the visit has gone quiet.
    return (
      this.sensor.pipeline.recordOf(visit) ?? { visit, startMs: null, decision: null, settlement: null, report: null }
    );
  }
}

/** Returns null when there is no answer in time. Never rejects. */
function answerOf<T>(question: () => Promise<T>): Promise<T | null> {
  return new RecentAnswer(question).current();
}
