// The sensor's end of the hand-over. Its outbox gives one report after the other to `deliver`, again and again until the hub has it. And
// every ten seconds the hub hears that the sensor is there, of visits that go on, and is asked once more when a label has changed.
import type { MacAddress } from '../addresses/mac-address.js';
import type { Decision } from '../devices/decision.js';
import type { Deliver, Outcome } from '../outbox/outbox.js';
import type { Report } from '../outbox/report.js';
import type { PipelineListener } from '../pipeline/listeners.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import { reportedFacts, reportOf, type VisitRecord } from '../pipeline/record.js';
import type { HubLinkFacts } from '../status/facts/health.js';
import { visitId } from '../visits/register/visit-register.js';
import type { Visit } from '../visits/visit.js';
import type { HubAnswer, HubLink } from './hub-link.js';
import { type AnsweredVisit, type HandOverAnswer, MAX_VISITS_A_MESSAGE, wireVisit } from './protocol.js';

const HEARTBEAT_MS = 10_000;
/** How long delivery waits after the hub could not be reached: doubles from the first to the longest, jittered. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
const TOKEN_PAUSE_MS = 30_000;
/** The ends of visits that have not been handed over yet. */
const MAX_ENDS = 20_000;

export interface HandOverOptions {
  readonly link: HubLink;
  readonly pipeline: Pipeline;
  /** The sensor's own number for its location; its visits' ids begin with it. */
  readonly businessId: number;
  readonly gapMs: number;
  /** In place of ten seconds: for tests. */
  readonly everyMs?: number;
}

export class HandOver implements PipelineListener {
  private lastHeardMs: number | null = null;
  private failure: string | null = null;
  private failuresInARow = 0;
  private labels: string | null | undefined;
  /** Steady time at which the hub was last told of an open visit. */
  private readonly toldMs = new WeakMap<Visit, number>();
  /** When visits ended that the hub may not have yet, by id. */
  private readonly ends = new Map<string, number>();
  private timer: NodeJS.Timeout | undefined;
  private beating: Promise<void> = Promise.resolve();
  private isClosed = false;

  constructor(private readonly options: HandOverOptions) {}

  start(): void {
    const beat = () => {
      this.beating = this.heartbeat()
        .catch(() => {})
        .finally(() => {
          if (!this.isClosed) this.timer = setTimeout(beat, this.options.everyMs ?? HEARTBEAT_MS).unref();
        });
    };
    beat();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    await this.options.link.close();
    await this.beating;
  }

  facts(): HubLinkFacts {
    const { lastHeardMs, failure } = this;
    return {
      lastHeardAgeMs: lastHeardMs === null ? null : performance.now() - lastHeardMs,
      failure,
      clockOffsetMs: this.options.link.clockOffsetMs,
    };
  }

  onEnded({ visit, startMs, settlement }: VisitRecord): void {
    if (settlement !== 'reported' || startMs === null) return;
    this.ends.set(visitId(this.options.businessId, visit.mac, startMs), visit.lastMs);
    const [oldest] = this.ends.keys();
    if (this.ends.size > MAX_ENDS && oldest !== undefined) this.ends.delete(oldest);
  }

  /** Hands one report over. */
  readonly deliver: Deliver = async (report, markSent) => {
    // From here on the hub may have it: should it have forgotten by the next try, it asks Nexudus before it posts.
    await markSent(true);
    const lastMs = this.ends.get(report.id) ?? this.openVisitOf(report.mac)?.lastMs ?? report.startMs;
    const answer = this.noted(await this.options.link.handOver([wireVisit(report, lastMs, report.sent)]));
    if (!report.sent && isCertainlyNotThere(answer)) await markSent(false);
    return this.outcomeOf(report, answer);
  };

  /** The labels of these devices were changed by this sensor's page: the hub is asked about them at once. */
  async askAbout(macs: ReadonlySet<MacAddress>): Promise<void> {
    for (const visit of this.options.pipeline.tracker.open()) if (macs.has(visit.mac)) this.toldMs.delete(visit);
    await this.tellOpenVisits(({ visit }) => macs.has(visit.mac));
  }

  private outcomeOf(report: Report, answer: HubAnswer<HandOverAnswer>): Outcome {
    switch (answer.kind) {
      case 'answered': {
        const found = answer.value.visits.find(({ id }) => id === report.id);
        if (found === undefined) return this.pause('the hub did not say what became of the visit');
        if (found.outcome === 'refused') return { kind: 'refused', reason: found.reason };
        this.ends.delete(report.id);
        const decision = decisionOf(found);
        const visit = this.openVisitOf(report.mac);
        if (visit !== null) this.toldMs.set(visit, performance.now());
        this.options.pipeline.decided(report.mac, report.startMs, decision);
        return { kind: 'handed-over', decision };
      }
      case 'refused':
        return { kind: 'refused', reason: answer.reason };
      case 'not-authorised':
        return { kind: 'pause', ms: TOKEN_PAUSE_MS, reason: answer.reason };
      case 'wait':
        return { kind: 'pause', ms: answer.ms, reason: answer.reason };
      case 'unavailable':
        return this.pause(answer.reason);
    }
  }

  private pause(reason: string): Outcome {
    const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.failuresInARow, 10));
    this.failuresInARow++;
    return { kind: 'pause', ms: Math.round(longest * (0.5 + Math.random() / 2)), reason };
  }

  /** Remembers how the hub does. */
  private noted(answer: HubAnswer<HandOverAnswer>): HubAnswer<HandOverAnswer> {
    if (answer.kind === 'answered' || answer.kind === 'refused') {
      this.lastHeardMs = performance.now();
      this.failure = null;
      this.failuresInARow = 0;
    } else this.failure = answer.reason;
    if (answer.kind === 'answered') this.noteLabels(answer.value.labels);
    return answer;
  }

  private noteLabels(version: string | null): void {
    if (this.labels !== undefined && this.labels !== version) {
      // What the hub decided may be otherwise now: it is asked about every open visit.
      for (const visit of this.options.pipeline.tracker.open()) this.toldMs.set(visit, Number.NEGATIVE_INFINITY);
    }
    this.labels = version;
  }

  private async heartbeat(): Promise<void> {
    const isDue = ({ visit }: VisitRecord) => {
      const nowMs = performance.now();
      const toldMs = this.toldMs.get(visit);
      // The outbox hands it over first; if that was in an earlier life of this process, the next heartbeat asks.
      if (toldMs === undefined) this.toldMs.set(visit, nowMs - this.options.gapMs / 4 + 1);
      return toldMs !== undefined && nowMs - toldMs > this.options.gapMs / 4;
    };
    if (!(await this.tellOpenVisits(isDue))) this.noted(await this.options.link.handOver([]));
  }

  /** Tells the hub of the open visits for which `isMeant`. Returns whether there were any. */
  private async tellOpenVisits(isMeant: (record: VisitRecord) => boolean): Promise<boolean> {
    const { pipeline } = this.options;
    const records: VisitRecord[] = [];
    for (const visit of pipeline.tracker.open()) {
      const record = pipeline.recordOf(visit);
      if (record !== undefined && record.settlement === 'reported' && isMeant(record)) records.push(record);
    }
    for (let from = 0; from < records.length && !this.isClosed; from += MAX_VISITS_A_MESSAGE) {
      const batch = records.slice(from, from + MAX_VISITS_A_MESSAGE);
      const answer = this.noted(await this.options.link.handOver(batch.map((record) => this.wireOf(record))));
      if (answer.kind !== 'answered') return true;
      const answered = new Map(answer.value.visits.map((visit) => [visit.id, visit]));
      for (const { visit, startMs } of batch) {
        this.toldMs.set(visit, performance.now());
        const found = answered.get(this.idOf(visit, startMs));
        if (found?.outcome === 'taken') pipeline.decided(visit.mac, startMs ?? 0, decisionOf(found));
      }
    }
    return records.length > 0;
  }

  /** Such a visit was handed over before: a hub that has forgotten it asks Nexudus before it posts. */
  private wireOf({ visit, startMs, decision }: VisitRecord): ReturnType<typeof wireVisit> {
    const { businessId } = this.options;
    const unknown: Decision = { kind: 'pending', reason: '', hint: null, owner: null };
    const facts = reportedFacts(visit, startMs ?? visit.firstMs, decision ?? unknown, false);
    const report = reportOf(facts, visit, { businessId, timeZone: null, decidedByHub: true }, true);
    return wireVisit(report, visit.lastMs, true);
  }

  private idOf(visit: Visit, startMs: number | null): string {
    return visitId(this.options.businessId, visit.mac, startMs ?? visit.firstMs);
  }

  private openVisitOf(mac: MacAddress): Visit | null {
    for (const visit of this.options.pipeline.tracker.open()) if (visit.mac === mac) return visit;
    return null;
  }
}

/** Whether the hub certainly has nothing of a message. */
function isCertainlyNotThere(answer: HubAnswer<HandOverAnswer>): boolean {
  switch (answer.kind) {
    case 'answered':
      return false;
    case 'unavailable':
      return !answer.mayHaveArrived;
    case 'refused':
    case 'not-authorised':
    case 'wait':
      return true;
  }
}

function decisionOf(visit: AnsweredVisit & { outcome: 'taken' }): Decision {
  const { decision: kind, reason, name, label } = visit;
  return {
    kind,
    reason,
    hint: null,
    owner: name === null ? null : { kind: 'local', name },
    ...(label === null ? {} : { label }),
  };
}
