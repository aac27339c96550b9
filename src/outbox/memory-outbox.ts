// The outbox of one process: for replays and trials. It forgets on exit, and says so where it is started.
import type { Retentions } from '../redis/lifetimes.js';
import {
  AWAITS_PROOF,
  type Cleaned,
  type Deliver,
  type Deliverer,
  type DeliveryHooks,
  type DropFilter,
  FIRST_PUT_BACK_MS,
  MAX_WAIT_MS,
  type Outbox,
  type OutboxCounts,
  type OutboxItem,
  type Outcome,
  putBackMs,
  type Restored,
} from './outbox.js';
import type { Report } from './report.js';
import { type Line, turnAfter } from './turns.js';

interface Waiting {
  report: Report;
  /** When it comes in its line. */
  turn: number;
  readonly addedMs: number;
  /** When it was refused or withdrawn; 0 while it waits. */
  finishedMs: number;
  tries: number;
  /** Steady time before which it is not tried again. */
  notBeforeMs: number;
  reason: string | null;
}

/** Ids of delivered entries, so that adding one again does nothing. */
const MAX_REMEMBERED = 100_000;
/** Refused entries that wait for a person. */
const MAX_FAILED = 10_000;

function dropOldest(kept: Map<string, unknown>, most: number): void {
  const [oldest] = kept.keys();
  if (kept.size > most && oldest !== undefined) kept.delete(oldest);
}

export interface MemoryOutboxOptions extends Partial<Retentions> {
  /** Least time between two tries, ms. */
  readonly spacingMs: number;
  readonly firstPutBackMs?: number;
}

export class MemoryOutbox implements Outbox {
  private readonly entries = new Map<string, Waiting>();
  private readonly failed = new Map<string, Waiting>();
  /** Until when they are remembered, ms since the epoch. */
  private readonly done = new Map<string, number>();
  /** Those of them that were not needed. */
  private readonly withdrawn = new Map<string, Waiting>();
  private wake: (() => void) | null = null;
  private activeId: string | null = null;
  private pausedUntilMs = 0;
  private dropped = 0;
  /** The turn that each line serves, and by location and line the latest one given. */
  private readonly served: Record<Line, number> = { proven: 0, unproven: 0 };
  private readonly latest = new Map<string, number>();

  constructor(private readonly options: MemoryOutboxOptions) {}

  enqueue(report: Report): void {
    if (this.entries.has(report.id) || this.failed.has(report.id) || this.done.has(report.id)) return;
    const turn = this.nextTurn(report);
    this.entries.set(report.id, {
      report,
      turn,
      addedMs: Date.now(),
      finishedMs: 0,
      tries: 0,
      notBeforeMs: 0,
      reason: null,
    });
    this.wake?.();
  }

  prove(id: string): 'done' | 'busy' {
    if (this.activeId === id) return 'busy';
    const item = this.entries.get(id);
    if (item === undefined || item.report.proven) return 'done';
    item.report = { ...item.report, proven: true };
    item.turn = this.nextTurn(item.report);
    if (item.reason === AWAITS_PROOF) item.notBeforeMs = 0;
    this.wake?.();
    return 'done';
  }

  restore(id: string): Restored {
    if (this.activeId === id) return 'busy';
    const item = this.withdrawn.get(id);
    if (item === undefined) return 'none';
    this.withdrawn.delete(id);
    this.done.delete(id);
    this.entries.set(id, item);
    this.wake?.();
    return 'restored';
  }

  /** Starts to deliver. Nobody else delivers from here, so all that a pause of its own needs is to wait. */
  start(deliver: Deliver, { onOutcome }: Pick<DeliveryHooks, 'onOutcome'>): Deliverer {
    let closing = false;
    const running = this.run(deliver, onOutcome, () => closing);
    return {
      close: async () => {
        closing = true;
        this.wake?.();
        await running;
      },
    };
  }

  private async run(deliver: Deliver, onOutcome: DeliveryHooks['onOutcome'], isClosing: () => boolean): Promise<void> {
    while (!isClosing()) {
      const now = performance.now();
      const next = now < this.pausedUntilMs ? undefined : this.firstReady(now);
      if (next === undefined) {
        await this.sleep(this.nextReadyMs() - now);
        continue;
      }
      this.activeId = next.report.id;
      this.served[lineOf(next.report)] = next.turn;
      const outcome = await deliver(
        next.report,
        async (sent) => {
          next.report = { ...next.report, sent };
        },
        next.addedMs,
      );
      this.activeId = null;
      this.pausedUntilMs = performance.now() + this.options.spacingMs;
      this.apply(next, outcome);
      onOutcome(next.report, outcome);
    }
  }

  private apply(item: Waiting, outcome: Outcome): void {
    const { id } = item.report;
    switch (outcome.kind) {
      case 'not-needed':
        item.finishedMs = Date.now();
        this.withdrawn.set(id, item);
        dropOldest(this.withdrawn, MAX_FAILED);
        this.entries.delete(id);
        this.remember(id);
        break;
      case 'posted':
      case 'found':
      case 'handed-over':
        this.entries.delete(id);
        this.remember(id);
        break;
      case 'pause':
      case 'pause-own':
        item.reason = outcome.reason;
        this.pausedUntilMs = performance.now() + Math.max(outcome.ms, this.options.spacingMs);
        break;
      case 'put-back':
        item.reason = outcome.reason;
        item.notBeforeMs =
          performance.now() + putBackMs(outcome, item.tries, this.options.firstPutBackMs ?? FIRST_PUT_BACK_MS);
        item.tries++;
        if (outcome.isRefused) item.turn = this.nextTurn(item.report);
        break;
      case 'await-proof':
        item.reason = outcome.reason;
        item.notBeforeMs = performance.now() + outcome.ms;
        item.turn = this.nextTurn(item.report);
        break;
      case 'refused':
        item.reason = outcome.reason;
        item.tries++;
        item.finishedMs = Date.now();
        this.entries.delete(id);
        this.failed.set(id, item);
        dropOldest(this.failed, MAX_FAILED);
        break;
    }
  }

  private remember(id: string): void {
    this.done.set(id, Date.now() + (this.options.retentionMs ?? Number.POSITIVE_INFINITY));
    dropOldest(this.done, MAX_REMEMBERED);
  }

  private nextTurn(report: Report): number {
    const line = lineOf(report);
    const key = `${line} ${report.businessId}`;
    const turn = turnAfter(this.latest.get(key) ?? 0, this.served[line]);
    this.latest.set(key, turn);
    return turn;
  }

  private firstReady(now: number): Waiting | undefined {
    let first: Waiting | undefined;
    for (const item of this.entries.values()) {
      if (item.notBeforeMs <= now && (first === undefined || goesBefore(item, first))) first = item;
    }
    return first;
  }

  private nextReadyMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const item of this.entries.values()) next = Math.min(next, item.notBeforeMs);
    return Math.max(next, this.pausedUntilMs);
  }

  private sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = Number.isFinite(milliseconds) ? setTimeout(resolve, Math.max(0, milliseconds)) : undefined;
      this.wake = () => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
    });
  }

  /** Whether nothing waits any more; what was refused does not wait. */
  get isEmpty(): boolean {
    return this.entries.size === 0;
  }

  async counts(): Promise<OutboxCounts> {
    const now = performance.now();
    const active = this.activeId === null ? 0 : 1;
    const delayed = [...this.entries.values()].filter((item) => item.notBeforeMs > now).length;
    return {
      waiting: this.entries.size - delayed - active,
      delayed,
      active,
      failed: this.failed.size,
      dropped: this.dropped,
    };
  }

  async oldestMs(): Promise<number | null> {
    const [oldest] = this.entries.values();
    return oldest?.addedMs ?? null;
  }

  async list(most: number): Promise<OutboxItem[]> {
    const now = performance.now();
    const item = (state: OutboxItem['state'], { report, addedMs, tries, reason }: Waiting): OutboxItem => ({
      id: report.id,
      state,
      addedMs,
      attempts: tries,
      reason,
      report,
    });
    const waiting = [...this.entries.values()].map((entry) => {
      const state = entry.report.id === this.activeId ? 'active' : entry.notBeforeMs > now ? 'delayed' : 'waiting';
      return item(state, entry);
    });
    return [...[...this.failed.values()].map((entry) => item('failed', entry)), ...waiting].slice(0, most);
  }

  async retry(id: string | null): Promise<number> {
    const again =
      id === null ? [...this.failed.values()] : [...this.failed.values()].filter((item) => item.report.id === id);
    for (const item of again) {
      this.failed.delete(item.report.id);
      this.entries.set(item.report.id, { ...item, notBeforeMs: 0, turn: this.nextTurn(item.report) });
    }
    this.wake?.();
    return again.length;
  }

  async drop(id: string): Promise<boolean> {
    return this.failed.delete(id) || this.entries.delete(id);
  }

  async dropAll({ isUnproven = false, beforeMs = Number.POSITIVE_INFINITY }: DropFilter): Promise<{
    dropped: number;
    busy: number;
  }> {
    let dropped = 0;
    let busy = 0;
    for (const items of [this.failed, this.entries]) {
      for (const [id, { addedMs, report }] of items) {
        if (addedMs >= beforeMs || (isUnproven && report.proven)) continue;
        if (id === this.activeId) busy++;
        else if (items.delete(id)) dropped++;
      }
    }
    return { dropped, busy };
  }

  async clean(): Promise<Cleaned> {
    const { retentionMs = Number.POSITIVE_INFINITY, outboxRetentionMs = MAX_WAIT_MS } = this.options;
    const nowMs = Date.now();
    for (const [id, untilMs] of this.done) if (nowMs >= untilMs) this.done.delete(id);
    for (const finished of [this.failed, this.withdrawn]) {
      for (const [id, { finishedMs }] of finished) if (nowMs - finishedMs >= retentionMs) finished.delete(id);
    }
    let dropped = 0;
    for (const [id, { addedMs }] of this.entries) {
      const isOverdue = nowMs - addedMs >= outboxRetentionMs && id !== this.activeId;
      if (isOverdue && this.entries.delete(id)) dropped++;
    }
    this.dropped += dropped;
    return { dropped };
  }

  async close(): Promise<void> {
    this.entries.clear();
    this.failed.clear();
  }
}

function lineOf({ proven }: Report): Line {
  return proven ? 'proven' : 'unproven';
}

function goesBefore(item: Waiting, other: Waiting): boolean {
  if (item.report.proven !== other.report.proven) return item.report.proven;
  return item.turn < other.turn;
}
