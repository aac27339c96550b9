// What Prometheus is told of a hub, by location. Holds no MAC and no name of a person.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { DecisionKind } from '../../devices/decision.js';
import type { Outcome } from '../../outbox/outbox.js';
import type { Report } from '../../outbox/report.js';
import type { PipelineListener } from '../../pipeline/listeners.js';
import type { HealthFacts } from './health.js';
import type { LocationView } from './hub-facts.js';

const ANSWER_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export class HubMetrics implements PipelineListener {
  private readonly registry = new Registry();
  private readonly taken = this.counter(
    'hub_visits',
    'Visits handed over, repeats too, by decision',
    'location',
    'decision',
  );
  private readonly deliveries = this.counter('deliveries', 'Tries to deliver a failed check-in', 'location', 'outcome');
  private readonly dropped = this.counter('outbox_dropped', 'Failed check-ins that waited for too long');
  private readonly refused = this.counter('hub_refused', 'Messages that were not taken, by reason', 'reason');
  private readonly answers = this.counter('nexudus_answers', 'Answers of Nexudus, by HTTP status', 'status');
  private readonly answerSeconds = new Histogram({
    name: 'wifi_monitor_nexudus_answer_seconds',
    help: 'Time to an answer of Nexudus',
    buckets: ANSWER_SECONDS,
    registers: [this.registry],
  });
  private readonly heard = this.gauge('hub_sensor_heard_seconds', 'Since the sensor was heard', 'location', 'sensor');
  private readonly offset = this.gauge(
    'hub_sensor_clock_offset_seconds',
    "The sensor's clock is ahead",
    'location',
    'sensor',
  );
  private readonly waiting = this.gauge(
    'hub_sensor_waiting',
    'Visits that the sensor has not handed over',
    'location',
    'sensor',
  );
  private readonly open = this.gauge('hub_sensor_visits_open', 'Devices whose visit is open', 'location', 'sensor');
  private readonly outbox = this.gauge('outbox_entries', 'Failed check-ins in the outbox, by state', 'state');
  private readonly outboxOldest = this.gauge('outbox_oldest_seconds', 'Age of the oldest that waits');
  private readonly devices = this.gauge('directory_devices', 'Known devices');

  constructor() {
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 20 });
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  onTaken(businessId: number, decision: DecisionKind | 'refused'): void {
    this.taken.inc({ location: businessId, decision });
  }

  onRefused(reason: string): void {
    this.refused.inc({ reason });
  }

  onOutcome({ businessId }: Report, { kind }: Outcome): void {
    this.deliveries.inc({ location: businessId, outcome: kind });
  }

  onDropped(reports: number): void {
    this.dropped.inc(reports);
  }

  /** Nexudus answered with `status`, or not at all (null), after `ms`. */
  onAnswer(status: number | null, ms: number): void {
    this.answers.inc({ status: status ?? 'none' });
    this.answerSeconds.observe(ms / 1_000);
  }

  /** The text that Prometheus reads. */
  async text(locations: readonly LocationView[], { outbox, directory }: HealthFacts, nowMs: number): Promise<string> {
    for (const gauge of [this.heard, this.offset, this.waiting, this.open]) gauge.reset();
    for (const { businessId, sensor, heard } of locations) {
      if (heard === null) continue;
      const labels = { location: businessId, sensor };
      this.heard.set(labels, (nowMs - heard.heardMs) / 1_000);
      if (heard.clockOffsetMs !== null) this.offset.set(labels, heard.clockOffsetMs / 1_000);
      if (heard.waiting !== null) this.waiting.set(labels, heard.waiting);
      if (heard.openVisits !== null) this.open.set(labels, heard.openVisits);
    }
    this.devices.set(directory.devices);
    this.outbox.reset();
    if (outbox !== null) {
      for (const state of ['waiting', 'delayed', 'active', 'failed'] as const)
        this.outbox.set({ state }, outbox[state]);
      this.outboxOldest.set((outbox.oldestAgeMs ?? 0) / 1_000);
    }
    return await this.registry.metrics();
  }

  private counter(name: string, help: string, ...labelNames: string[]): Counter {
    return new Counter({ name: `wifi_monitor_${name}_total`, help, labelNames, registers: [this.registry] });
  }

  private gauge(name: string, help: string, ...labelNames: string[]): Gauge {
    return new Gauge({ name: `wifi_monitor_${name}`, help, labelNames, registers: [this.registry] });
  }
}
