// Server-sent events for the status page: everything at first, then changes, at most once a second. All pages share one look at the
// sensor.
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { formatMac } from '../../addresses/mac-address.js';
import type { Decision } from '../../devices/decision.js';
import type { Visit } from '../../visits/visit.js';
import type { DeviceJson, OutboxJson, Overview, StatusJson } from '../facts/overview.js';
import type { ReportJson } from '../facts/report-state.js';

const LOOK_EVERY_MS = 1_000;
/** The status is also the heartbeat, so it is sent even if nothing has changed. */
const STATUS_EVERY_LOOKS = 2;
/** When a device was last seen changes all the time, so it is sent less often. */
const SEEN_EVERY_LOOKS = 5;
const MAX_PAGES = 16;
/** A page that is this far behind is disconnected. It connects again by itself, and gets everything anew. */
const MAX_BEHIND_BYTES = 8_000_000;
const ENOUGH_BEHIND_BYTES = 1_000_000;
/** An empty comment, so that the server does not close a connection that waits for its first message. */
const HEARTBEAT = ':\n\n';

/** A message. Every part is optional, and newer than what was sent before. */
export interface Update {
  /** In the first message. The page must forget what it showed before. */
  readonly hello?: Hello;
  /** In the last message of the full state. */
  readonly complete?: true;
  readonly status?: StatusJson;
  /** Null when the outbox does not answer. */
  readonly outbox?: OutboxJson | null;
  /** New or changed devices. */
  readonly devices?: readonly DeviceJson[];
  /** By MAC, for devices where nothing else has changed: last seen (Unix time in ms), and number of sightings. */
  readonly seen?: Readonly<Record<string, readonly [lastMs: number, sightings: number]>>;
  /** MACs of devices whose visit is over. */
  readonly gone?: readonly string[];
}

export interface Hello {
  /** Null for the browser's time zone. */
  readonly timeZone: string | null;
  readonly dryRun: boolean;
  /** Whether the page has a session, and so a logout. */
  readonly session: boolean;
}

/** What was sent of a visit and can change. */
interface Sent {
  newsCount: number;
  startMs: number | null;
  decision: Decision | null;
  settlement: string | null;
  report: ReportJson;
  lastMs: number;
}

interface Page {
  readonly stream: Readable;
  readonly mayListen: () => boolean;
  /** Whether `hello` was sent. Changes before it are part of the full state that follows it. */
  isGreeted: boolean;
}

export class LiveFeed {
  private readonly pages = new Set<Page>();
  private readonly sent = new Map<Visit, Sent>();
  private timer: NodeJS.Timeout | undefined;
  private looks = 0;
  private isAsking = false;

  constructor(private readonly overview: Overview) {}

  /** Returns a stream for a page; null when there are too many. `mayListen` is called again and again. */
  open(hello: Hello, mayListen: () => boolean): Readable | null {
    if (this.pages.size >= MAX_PAGES) return null;
    const stream = new Readable({ read() {} });
    const page = { stream, mayListen, isGreeted: false };
    if (this.pages.size === 0) this.start();
    this.pages.add(page);
    stream.on('close', () => {
      this.pages.delete(page);
      if (this.pages.size === 0) this.stop();
    });
    // That a page disconnects meanwhile is no failure.
    void this.sendEverything(page, hello).catch(() => stream.destroy());
    return stream;
  }

  private start(): void {
    for (const visit of this.overview.visits()) this.sent.set(visit, this.stateOf(visit));
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  private stop(): void {
    clearInterval(this.timer);
    this.sent.clear();
  }

  private async sendEverything(page: Page, hello: Hello): Promise<void> {
    const { stream } = page;
    // The browser must connect again after this time when the connection breaks.
    stream.push('retry: 2000\n\n');
    await this.overview.refresh();
    const [status, outbox] = [await this.overview.status(), await this.overview.outbox()];
    page.isGreeted = true;
    send(page, { hello, status, outbox });
    for await (const devices of this.overview.devices()) {
      if (stream.destroyed) return;
      send(page, { devices });
      while (stream.readableLength > ENOUGH_BEHIND_BYTES && !stream.destroyed) await delay(20);
    }
    send(page, { complete: true });
  }

  private look(): void {
    this.looks++;
    for (const page of [...this.pages]) if (!page.mayListen()) page.stream.push(null);
    const update = this.changes(this.looks % SEEN_EVERY_LOOKS === 0);
    if (update !== null) this.broadcast(update);
    if (this.looks % STATUS_EVERY_LOOKS === 0 && !this.isAsking) void this.sendStatus();
  }

  private async sendStatus(): Promise<void> {
    this.isAsking = true;
    try {
      const [status, outbox] = await Promise.all([this.overview.status(), this.overview.outbox()]);
      this.broadcast({ status, outbox });
    } finally {
      this.isAsking = false;
    }
  }

  /** Returns what has changed since the latest look; null when nothing has. */
  private changes(withSeen: boolean): Update | null {
    const devices: DeviceJson[] = [];
    const seen: Record<string, [number, number]> = {};
    const gone: string[] = [];
    const open = new Set<Visit>();
    for (const visit of this.overview.visits()) {
      open.add(visit);
      const before = this.sent.get(visit);
      const now = this.stateOf(visit);
      if (before === undefined || isNews(before, now)) devices.push(this.overview.device(visit));
      else if (withSeen && before.lastMs !== now.lastMs) seen[formatMac(visit.mac)] = [visit.lastMs, visit.sightings];
      else continue;
      this.sent.set(visit, now);
    }
    const back = new Set<number>();
    for (const visit of open) back.add(visit.mac);
    for (const visit of this.sent.keys()) {
      if (open.has(visit)) continue;
      this.sent.delete(visit);
      // If there are too many devices, some are left out, but are not gone.
      if (!back.has(visit.mac) && !this.overview.isHere(visit.mac)) gone.push(formatMac(visit.mac));
    }
    const hasSeen = Object.keys(seen).length > 0;
    if (devices.length === 0 && gone.length === 0 && !hasSeen) return null;
    return {
      ...(devices.length > 0 ? { devices } : {}),
      ...(hasSeen ? { seen } : {}),
      ...(gone.length > 0 ? { gone } : {}),
    };
  }

  private stateOf(visit: Visit): Sent {
    const record = this.overview.recordOf(visit);
    const { startMs, decision, settlement } = record;
    const { newsCount, lastMs } = visit;
    return { newsCount, startMs, decision, settlement, report: this.overview.reportState(record), lastMs };
  }

  private broadcast(update: Update): void {
    const message = messageOf(update);
    for (const { stream, isGreeted } of [...this.pages]) {
      if (stream.readableLength > MAX_BEHIND_BYTES) stream.destroy();
      else stream.push(isGreeted ? message : HEARTBEAT);
    }
  }
}

function isNews(before: Sent, now: Sent): boolean {
  return (
    before.newsCount !== now.newsCount ||
    before.startMs !== now.startMs ||
    before.decision !== now.decision ||
    before.settlement !== now.settlement ||
    before.report.state !== now.report.state ||
    before.report.reason !== now.report.reason
  );
}

function send({ stream }: Page, update: Update): void {
  stream.push(messageOf(update));
}

/** JSON has no line breaks, so a message is a single line. */
function messageOf(update: Update): string {
  return `data: ${JSON.stringify(update)}\n\n`;
}
