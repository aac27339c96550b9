// The metrics for Prometheus. They contain no MAC and no host name: labels are few and fixed.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Outcome } from '../../outbox/outbox.js';
import type { Report } from '../../outbox/report.js';
import type { FrameCounts } from '../../pipeline/frame-counts.js';
import type { PipelineListener } from '../../pipeline/listeners.js';
import type { VisitRecord } from '../../pipeline/record.js';
import { type HealthFacts, healthOf } from './health.js';

const REPORT_SECONDS = [0.05, 0.5, 2, 3.5, 5, 10, 30, 60, 300, 1_800, 7_200, 86_400];
const ANSWER_SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export class Metrics implements PipelineListener {
  private readonly registry = new Registry();
  private readonly decisions = this.counter('visits', 'Visits, by decision', 'decision');
  private readonly deliveries = this.counter('deliveries', 'Tries to deliver a failed check-in, by outcome', 'outcome');
  private readonly dropped = this.counter('outbox_dropped', 'Failed check-ins that waited for too long');
  private readonly answers = this.counter('nexudus_answers', 'Answers of Nexudus, by HTTP status', 'status');
  private readonly troubles = this.counter('keeping_failures', 'Failures of the visit register or the outbox');
  private readonly answerSeconds = this.histogram('nexudus_answer', 'Time to an answer of Nexudus', ANSWER_SECONDS);
  private readonly reportSeconds = this.histogram(
    'report',
    'From the first frame of a visit to its failed check-in in Nexudus, SETTLE_TIME included',
    REPORT_SECONDS,
  );

  // These are counted elsewhere, and copied when Prometheus asks.
  private readonly frames = this.counter('frames', 'Frames that passed the filter', 'interface');
  private readonly drops = this.counter('frames_dropped', 'Frames lost, by who lost them', 'interface', 'by');
  private readonly breaks = this.counter('capture_breaks', 'Turns broken off in a flood', 'interface');
  private readonly reopenings = this.counter('capture_reopenings', 'Captures opened anew', 'interface');
  private readonly probes = this.counter('probes', 'Frames sent to ask silent devices if they are here', 'interface');
  private readonly sightings = this.counter('sightings', 'Frames that showed a device');
  private readonly keepAlives = this.counter('keep_alives', 'Other broadcast and multicast frames of devices');
  private readonly malformed = this.counter('malformed', 'Malformed frames, by reason', 'reason');
  private readonly heldBack = this.counter('held_back', 'Sightings of new devices refused by the flood guard');
  private readonly givenUp = this.counter('visits_given_up', 'Visits lost because too many waited');
  private readonly degraded = this.gauge('degraded', '1 while somebody should look; /healthz says why');
  private readonly capturing = this.gauge('capturing', '1 while frames can arrive', 'interface');
  private readonly silent = this.gauge('silent', '1 while no frame came for longer than SILENCE_ALARM', 'interface');
  private readonly holdingBack = this.gauge('holding_back', '1 while the flood guard holds new devices back');
  private readonly conflicts = this.gauge('equipment_conflicts', 'Second DHCP servers and claimants of the gateway');
  private readonly clockSkew = this.gauge('clock_skew_seconds', "How far this machine's clock is ahead of Nexudus's");
  private readonly postsPerDay = this.gauge('posts_per_day', 'Failed check-ins that may be posted in a day, by all');
  private readonly openVisits = this.gauge('visits_open', 'Devices whose visit is open');
  private readonly waitingVisits = this.gauge('visits_waiting', 'Visits that wait for Redis or for the directory');
  private readonly outbox = this.gauge('outbox_entries', 'Failed check-ins in the outbox, by state', 'state');
  private readonly outboxOldest = this.gauge('outbox_oldest_seconds', 'Age of the oldest that waits');
  private readonly redis = this.gauge('redis_reachable', '1 while Redis answers');
  private readonly devices = this.gauge('directory_devices', 'Known devices');
  private readonly directoryAge = this.gauge('directory_age_seconds', 'Since the directory was last like Nexudus');

  /** `postsPerDay`: the limit of the account, NEXUDUS_POSTS_PER_DAY. */
  constructor(postsPerDay: number) {
    this.postsPerDay.set(postsPerDay);
    // Without this the gauge would be 0 until Nexudus has sent the time.
    this.clockSkew.remove();
    // Memory, CPU, file descriptors, garbage collection, and nodejs_eventloop_lag_*.
    collectDefaultMetrics({ register: this.registry, eventLoopMonitoringPrecision: 20 });
  }

  onDecision({ decision }: VisitRecord): void {
    if (decision !== null) this.decisions.inc({ decision: decision.kind });
  }

  onTrouble(): void {
    this.troubles.inc();
  }

  onOutcome({ id }: Report, { kind }: Outcome): void {
    this.deliveries.inc({ outcome: kind });
    // The id ends with the start of the visit, ms since the epoch.
    if (kind === 'posted') this.reportSeconds.observe((Date.now() - Number(id.split('-').at(-1))) / 1_000);
  }

  onDropped(reports: number): void {
    this.dropped.inc(reports);
  }

  /** Nexudus answered with `status` (null for no answer) after `ms`. `skewMs` is how far our clock is ahead; null without a time. */
  onAnswer(status: number | null, ms: number, skewMs: number | null): void {
    this.answers.inc({ status: status ?? 'none' });
    this.answerSeconds.observe(ms / 1_000);
    if (skewMs !== null) this.clockSkew.set(skewMs / 1_000);
  }

  /** Returns the text for Prometheus. */
  async text(facts: HealthFacts, counts: Readonly<FrameCounts>): Promise<string> {
    this.takeOver(facts, counts);
    return await this.registry.metrics();
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  private takeOver(facts: HealthFacts, counts: Readonly<FrameCounts>): void {
    for (const state of facts.interfaces) {
      const labels = { interface: state.name };
      become(this.frames, state.frames, labels);
      become(this.drops, state.droppedByKernel, { ...labels, by: 'kernel' });
      become(this.drops, state.droppedByInterface, { ...labels, by: 'interface' });
      become(this.breaks, state.brokenOff, labels);
      become(this.probes, state.probes, labels);
      become(this.reopenings, Math.max(0, state.reopened), labels);
      this.capturing.set(labels, state.state === 'capturing' ? 1 : 0);
      this.silent.set(labels, state.isSilent ? 1 : 0);
    }
    this.degraded.set(healthOf(facts).status === 'degraded' ? 1 : 0);
    this.holdingBack.set(facts.flood.isHoldingBack ? 1 : 0);
    this.conflicts.set(facts.equipmentConflicts.length);
    become(this.sightings, counts.sightings);
    become(this.keepAlives, counts.keepAlives);
    for (const [reason, count] of counts.malformedBy) become(this.malformed, count, { reason });
    become(this.heldBack, facts.flood.refused);
    become(this.givenUp, facts.visits.givenUp);
    this.openVisits.set(facts.visits.open);
    this.waitingVisits.set(facts.visits.waiting);
    this.devices.set(facts.directory.devices);
    // Gauges without a value are left out, because they would be 0.
    for (const gauge of [this.redis, this.directoryAge, this.outboxOldest]) gauge.remove();
    this.outbox.reset();
    if (facts.redis !== null) this.redis.set(facts.redis.isReachable ? 1 : 0);
    if (facts.directory.ageMs !== null) this.directoryAge.set(facts.directory.ageMs / 1_000);
    if (facts.outbox === null) return;
    for (const state of ['waiting', 'delayed', 'active', 'failed'] as const) {
      this.outbox.set({ state }, facts.outbox[state]);
    }
    this.outboxOldest.set((facts.outbox.oldestAgeMs ?? 0) / 1_000);
  }

  private counter(name: string, help: string, ...labelNames: string[]): Counter {
    return new Counter({ name: `wifi_monitor_${name}_total`, help, labelNames, registers: [this.registry] });
  }

  private gauge(name: string, help: string, ...labelNames: string[]): Gauge {
    return new Gauge({ name: `wifi_monitor_${name}`, help, labelNames, registers: [this.registry] });
  }

  private histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: `wifi_monitor_${name}_seconds`, help, buckets, registers: [this.registry] });
  }
}

/** Brings a counter up to a total that is kept elsewhere and never goes down. */
function become(counter: Counter, total: number, labels: Record<string, string> = {}): void {
  counter.remove(labels);
  counter.inc(labels, total);
}
