// A whole sensor: store, sensing, delivery, status page. The command, the tests and the benchmark start this same composition. It reads
// no environment and ends no process: settings and edges are arguments.
import type { MacAddress } from '../addresses/mac-address.js';
import type { WatchedSource } from '../capture/interface-watch.js';
import type { Config } from '../config/config.js';
import type { DirectoryView } from '../devices/directory/directory.js';
import type { HandOver } from '../hub/hand-over.js';
import { HubLink } from '../hub/hub-link.js';
import type { NexudusObserver } from '../nexudus/client.js';
import type { Pace } from '../nexudus/known-devices.js';
import { OutboxWatch } from '../outbox/outbox-watch.js';
import type { PipelineListener } from '../pipeline/listeners.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import { captureReasons } from '../status/facts/health.js';
import { NexudusWatch } from '../status/facts/nexudus-watch.js';
import { factsAbout } from '../status/facts/sensor-facts.js';
import type { StatusServer } from '../status/http/server.js';
import { watchClock } from './clock.js';
import { Closing, within } from './closing.js';
import { startDelivering } from './deliver.js';
import { startHandingOver } from './hand-over.js';
import type { Logger } from './log.js';
import type { HealthPatience } from './notifier.js';
import { openParts, type SensorParts } from './parts.js';
import { recall } from './recall.js';
import { type Sensing, startSensing } from './sense.js';
import { sensorFacts, serveSensorStatus } from './serve-status.js';

/** Supervisors kill a process 10 s after SIGTERM. The pipeline settles for up to 4 s, so closing must take less than the other 6 s. */
const CLOSES_WITHIN_MS = 4_500;

const DIARY_CLOSES_WITHIN_MS = 1_000;

export interface SensorEdges {
  readonly version: string;
  readonly log: Logger;
  /** The interfaces to listen on. */
  readonly interfaces: readonly string[];
  /** For tests, in place of the interfaces. */
  readonly source?: WatchedSource;
  /** For tests: the pace of reading the directory, in place of a request a second. */
  readonly pace?: Pace;
  /** For tests: when a clock that nobody has confirmed is trusted, in place of two minutes. */
  readonly trustClockAfterMs?: number;
  /** For tests: when the webhook is told that health has changed, in place of a minute. */
  readonly healthPatience?: HealthPatience;
  /** For tests: the time between two messages to the hub, in place of ten seconds. */
  readonly heartbeatMs?: number;
  /** Stops the pipeline, also while the sensor is starting. */
  readonly stop?: AbortSignal;
  /** Listeners besides log, metrics and status page. */
  readonly listeners?: readonly PipelineListener[];
}

export interface Sensor {
  readonly pipeline: Pipeline;
  readonly directory: DirectoryView;
  /** Null when the status server is turned off or could not listen. */
  readonly status: StatusServer | null;
  /** Listens again with the same settings after `status` was closed. */
  serveStatus(): Promise<StatusServer | null>;
  /** Resolves when the pipeline has ended. Rejects with a CaptureError when capturing is not permitted. */
  readonly finished: Promise<void>;
  /** Stops the pipeline, waits for it, and closes everything. Takes less than 10 s. */
  close(): Promise<void>;
}

/**
 * Starts a sensor. Resolves when it is listening and its status is served.
 * @throws CaptureError when capturing is not permitted
 */
export async function startSensor(config: Config, edges: SensorEdges): Promise<Sensor> {
  const { log, interfaces } = edges;
  const closing = new Closing();
  // Labels are read before the pipeline runs. Later ones change its decisions.
  let sensing: Sensing | null = null;
  let handOver: HandOver | null = null;
  const link = hubLinkFor(
    config,
    edges.version,
    () => sensing,
    (offsetMs) => parts.clock.onSkew(offsetMs),
  );
  const parts = await openParts(config, {
    log,
    closing,
    listeners: edges.listeners ?? [],
    trustClockAfterMs: edges.trustClockAfterMs,
    healthPatience: edges.healthPatience,
    link,
    onLabelsChanged: (macs) => (link === null ? sensing?.pipeline.redecide(macs) : void handOver?.askAbout(macs)),
    serviceOf: (mac) => sensing?.equipment.answersAs(mac) ?? null,
    onClockTrusted: (shiftMs) => sensing?.pipeline.clockTrusted(shiftMs),
  });
  sensing = startSensing(config, { ...parts, interfaces, source: edges.source ?? null });
  closing.add(sensing.close);
  const { pipeline } = sensing;
  const stop = () => pipeline.stop();
  edges.stop?.addEventListener('abort', stop);
  if (edges.stop?.aborted) stop();
  const close = async () => {
    pipeline.stop();
    await pipeline.finished.catch(() => {});
    await within(CLOSES_WITHIN_MS, closing.run(log));
  };
  try {
    // If capturing is refused, this throws at once, and nothing else is started.
    await Promise.race([pipeline.finished, new Promise(setImmediate)]);
    closing.add(watchClock(log));
    const { store, listeners } = parts;
    store.startCleaning((dropped) => listeners.emit('onDropped', dropped));
    parts.diary.start();
    closing.add(() => within(DIARY_CLOSES_WITHIN_MS, parts.diary.close()));
    const { heartbeatMs } = edges;
    if (link !== null) handOver = startHandingOver(config, { link, store, pipeline, listeners, closing, heartbeatMs });
    const serve = deliverAndShow(config, edges, parts, sensing, handOver, closing);
    let status = await serve();
    closing.add(() => within(1_000, status?.close() ?? Promise.resolve()));
    const forget = async (mac: MacAddress) => {
      await pipeline.forget(mac);
      await parts.diary.forget(mac);
    };
    parts.store.answerQuestions({ forget, recall: (mac) => recall(pipeline, mac) });
    return {
      pipeline,
      directory: parts.directory,
      get status() {
        return status;
      },
      async serveStatus() {
        status = await serve();
        return status;
      },
      finished: pipeline.finished,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Null without HUB_URL. */
function hubLinkFor(
  { hub, businessId, timeZone, dryRun }: Config,
  version: string,
  sensing: () => Sensing | null,
  onClock: (offsetMs: number) => void,
): HubLink | null {
  if (hub === null || dryRun) return null;
  return new HubLink({
    ...hub,
    version,
    businessId,
    timeZone,
    onClock,
    state: () => {
      const running = sensing();
      if (running === null) return null;
      const { pipeline, guard, source, equipment } = running;
      const steadyMs = performance.now();
      const troubles = [...captureReasons({ interfaces: source.states(), steadyMs }), ...equipment.conflicts(steadyMs)];
      const waiting = pipeline.waiting() + guard.queued;
      return {
        openVisits: pipeline.tracker.size,
        waiting,
        troubles: troubles.slice(0, 10).map((text) => text.slice(0, 300)),
      };
    },
  });
}

/** Starts to deliver what `sensing` reports. Returns the function that serves the status of the whole sensor. */
function deliverAndShow(
  config: Config,
  { interfaces, pace, version, log }: SensorEdges,
  parts: SensorParts,
  sensing: Sensing,
  handOver: HandOver | null,
  closing: Closing,
): () => Promise<StatusServer | null> {
  const { store, metrics, clock } = parts;
  const outboxWatch = new OutboxWatch(store.outbox, store.budget, ({ counts }) => {
    sensing.guard.queued = counts.waiting + counts.delayed + counts.active;
  });
  closing.add(() => outboxWatch.close());
  const nexudus = new NexudusWatch();
  const observer: NexudusObserver = {
    onCall: (method, failure) => nexudus.onCall(method, failure),
    onAnswer(status, ms, skewMs) {
      metrics?.onAnswer(status, ms, skewMs);
      if (skewMs !== null) clock.onSkew(skewMs);
    },
  };
  const { rules, pipeline } = sensing;
  const onLoaded = () => pipeline.directoryLoaded();
  const onRead = () => pipeline.directoryRead();
  const sync =
    handOver !== null
      ? null
      : startDelivering(config, { ...parts, interfaces, rules, observer, onLoaded, onRead, pace, closing });
  const facts = sensorFacts(config, { version, parts, sensing, outboxWatch, sync, nexudus, handOver });
  parts.notifier?.watchHealth(() => factsAbout(facts));
  return () => serveSensorStatus(config, facts, metrics, log);
}
