// The parts of a running sensor that its status needs, and the facts for its health.
import type { MacAddress } from '../../addresses/mac-address.js';
import type { WatchedSource } from '../../capture/interface-watch.js';
import type { Decision, DecisionInput } from '../../devices/decision.js';
import type { Directory } from '../../devices/directory/directory.js';
import type { DirectorySync } from '../../devices/directory/directory-sync.js';
import type { Equipment } from '../../devices/equipment.js';
import type { LabelStore } from '../../devices/label-store.js';
import type { LabelKind, LabelView } from '../../devices/labels.js';
import type { Outbox } from '../../outbox/outbox.js';
import type { OutboxWatch } from '../../outbox/outbox-watch.js';
import type { Pipeline } from '../../pipeline/pipeline.js';
import type { FloodGuard } from '../../visits/flood-guard.js';
import type { ArrivalRate } from './arrival-rate.js';
import type { Arrivals } from './arrivals.js';
import type { Diary } from './diary.js';
import type { HealthFacts, HubLinkFacts } from './health.js';
import type { LocalDay } from './local-day.js';
import type { NexudusWatch } from './nexudus-watch.js';
import type { RefusalWatch } from './refusal-watch.js';
import type { ReportStates } from './report-state.js';

export interface SensorFacts {
  readonly version: string;
  readonly businessId: number;
  /** The time zone of the location; null when it is not set. */
  readonly timeZone: string | null;
  readonly isDryRun: boolean;
  readonly pipeline: Pipeline;
  readonly watch: Pick<WatchedSource, 'states'>;
  readonly guard: FloodGuard;
  readonly outbox: Pick<Outbox, 'list' | 'retry'>;
  readonly outboxWatch: OutboxWatch;
  readonly day: LocalDay;
  readonly diary: Diary;
  readonly arrivals: Arrivals;
  readonly arrivalRate: ArrivalRate;
  readonly refusals: RefusalWatch;
  readonly reports: ReportStates;
  readonly directory: Directory;
  readonly equipment: Pick<Equipment, 'conflicts'>;
  /** What would be decided about a device now. */
  readonly decideNow: (device: DecisionInput) => Decision;
  readonly labels: LabelView;
  readonly labelStore: LabelStore;
  /** Called when a device was labelled through the API. `kind` is null when the label was removed. `from` is the address that asked. */
  readonly onLabelAsked: (mac: MacAddress, kind: LabelKind | null, from: string) => void;
  /** The rules in IGNORE_MACS, as they are written there. */
  readonly ignoreMacs: readonly string[];
  readonly directoryRefreshMs: number;
  /** Null without a login, as is `nexudus`. */
  readonly sync: DirectorySync | null;
  readonly nexudus: NexudusWatch | null;
  /** What is known of the hub; null without HUB_URL. */
  readonly hub: (() => HubLinkFacts) | null;
  /** Whether Redis is connected; null without REDIS_URL. */
  readonly isRedisReady: (() => boolean) | null;
}

/** Returns the facts now. Takes at most 2 s, when the outbox does not answer. */
export async function factsAbout(sensor: SensorFacts): Promise<HealthFacts> {
  const { pipeline, guard, directory } = sensor;
  const outbox = await sensor.outboxWatch.current();
  const steadyMs = performance.now();
  const readAtMs = sensor.sync?.status().readAtMs ?? null;
  return {
    version: sensor.version,
    upMs: process.uptime() * 1_000,
    isDryRun: sensor.isDryRun,
    steadyMs,
    interfaces: sensor.watch.states(),
    redis: sensor.isRedisReady === null ? null : { isReachable: sensor.isRedisReady() && outbox !== null },
    nexudus: sensor.nexudus?.facts() ?? null,
    hub: sensor.hub?.() ?? null,
    directory: {
      loaded: directory.loaded,
      devices: directory.size,
      ageMs: readAtMs === null ? null : Date.now() - readAtMs,
      refreshMs: sensor.directoryRefreshMs,
    },
    outbox:
      outbox === null
        ? null
        : { ...outbox.counts, oldestAgeMs: outbox.oldestMs === null ? null : Date.now() - outbox.oldestMs },
    day: outbox?.spent ?? null,
    refusals: sensor.refusals.facts(),
    unusualArrivals: sensor.arrivalRate.unusual(),
    visits: {
      open: pipeline.tracker.size,
      waiting: pipeline.waiting(),
      failing: pipeline.isFailing(),
      givenUp: pipeline.givenUp(),
    },
    equipmentConflicts: sensor.equipment.conflicts(steadyMs),
    flood: {
      isHoldingBack: guard.isHoldingBack(steadyMs),
      isOutboxFull: guard.isOutboxFull,
      refused: guard.refused,
    },
  };
}
