// The events of the pipeline, and its listeners: log, metrics, status page, output of a replay. Every event reaches every listener.
import type { MacAddress } from '../addresses/mac-address.js';
import type { Sighting } from '../decode/sighting.js';
import type { Decision } from '../devices/decision.js';
import type { Outcome } from '../outbox/outbox.js';
import type { Report } from '../outbox/report.js';
import type { FloodGuard } from '../visits/flood-guard.js';
import type { Visit } from '../visits/visit.js';
import type { FrameCounts } from './frame-counts.js';
import type { VisitRecord } from './record.js';

/** Each call is synchronous and must not throw. */
export interface PipelineListener {
  /** `sighting` is reused for the next frame, so what is kept must be copied. */
  onSighting?(sighting: Readonly<Sighting>, eventMs: number): void;
  /** A frame could not be decoded. Called for every frame of an attack. */
  onMalformed?(counts: Readonly<FrameCounts>): void;
  /** The flood guard held a new device back. May be called a million times a minute. */
  onHeldBack?(guard: FloodGuard): void;
  /** A visit has news for the register: its burst went quiet, it has a new fact, or its device is still here. */
  onNews?(visit: Visit): void;
  /** Frames of a device are taken for those of a device behind it (a repeater). Whoever is on the network can cause it with two frames. */
  onRepeater?(mac: MacAddress): void;
  onDecision?(record: VisitRecord): void;
  /** A label was set, changed or removed, or the device was registered, so an open visit was decided anew. `before` is the former decision. */
  onDecidedAnew?(record: VisitRecord, before: Decision): void;
  onEnded?(record: VisitRecord): void;
  /** The register or the outbox failed. The visit is tried again later. */
  onTrouble?(error: unknown): void;
  /** A visit was given up because too many wait. */
  onGivenUp?(record: VisitRecord): void;
  /** A device is to be forgotten. */
  onForget?(mac: MacAddress): void;
  /** So many reports were dropped because they had waited for Nexudus for longer than OUTBOX_RETENTION. */
  onDropped?(reports: number): void;
  /** An attempt to deliver a report has ended. */
  onOutcome?(report: Report, outcome: Outcome): void;
}

export type PipelineEvent = keyof PipelineListener;

/** This is a record, so that a missing event is a compile error. */
const EVENTS: Readonly<Record<PipelineEvent, true>> = {
  onSighting: true,
  onMalformed: true,
  onHeldBack: true,
  onNews: true,
  onRepeater: true,
  onDecision: true,
  onDecidedAnew: true,
  onEnded: true,
  onTrouble: true,
  onGivenUp: true,
  onForget: true,
  onDropped: true,
  onOutcome: true,
};

export const PIPELINE_EVENTS = Object.keys(EVENTS) as readonly PipelineEvent[];

type Arguments<Event extends PipelineEvent> = Parameters<Required<PipelineListener>[Event]>;
type Hook = (...values: unknown[]) => void;

export class Listeners {
  private readonly hooks: ReadonlyMap<PipelineEvent, Hook[]> = new Map(PIPELINE_EVENTS.map((event) => [event, []]));

  constructor(...listeners: readonly PipelineListener[]) {
    for (const listener of listeners) this.add(listener);
  }

  add(listener: PipelineListener): void {
    for (const event of PIPELINE_EVENTS) {
      const hook = listener[event];
      // Only `emit` calls it, with the arguments of its event.
      if (hook !== undefined) this.hooks.get(event)?.push(hook.bind(listener) as Hook);
    }
  }

  emit<Event extends PipelineEvent>(event: Event, ...values: Arguments<Event>): void {
    for (const hook of this.hooks.get(event) ?? []) hook(...values);
  }

  /** Whether the event has a listener. If not, an event that comes with every frame need not be emitted. */
  has(event: PipelineEvent): boolean {
    return this.hooks.get(event)?.length !== 0;
  }
}
