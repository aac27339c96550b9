// Server-sent events for the status page: everything at first, then changes, at most once a second. All pages share one look at the
// sensor.
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { formatMac, type MacAddress } from '../../addresses/mac-address.js';
import type { Decision } from '../../devices/decision.js';
import type { LabelJson } from '../../presenters/label-json.js';
import type { Visit } from '../../visits/visit.js';
import type { DeviceJson, Standing, SuggestionJson } from '../facts/device-json.js';
import type { DiaryEntry } from '../facts/diary-entry.js';
import type { OutboxJson, Overview, StatusJson } from '../facts/overview.js';
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
  /** By MAC, for devices where nothing else has changed: last sign of life, last sighting (Unix time in ms), number of sightings. */
  readonly seen?: Readonly<Record<string, readonly [lastMs: number, lastSightingMs: number, sightings: number]>>;
  /** MACs of devices that were forgotten, or were not here today. */
  readonly gone?: readonly string[];
  readonly suggestions?: readonly SuggestionJson[];
}

export interface Hello {
  /** Null for the browser's time zone. */
  readonly timeZone: string | null;
  readonly dryRun: boolean;
  /** How soon what is entered in Nexudus takes effect, in seconds; null without a login to Nexudus. */
  readonly directoryRefreshSeconds: number | null;
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

/** What was sent of a device that has no open visit in this sensor. */
interface SentOther {
  readonly version: number;
  readonly here: boolean;
  readonly label: LabelJson | null;
  readonly standing: Standing;
  readonly report: ReportJson;
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
  private readonly sentOthers = new Map<MacAddress, SentOther>();
  private sentSuggestions = '';
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
    const { overview } = this;
    for (const visit of overview.visits()) this.sent.set(visit, this.stateOf(visit));
    for (const entry of overview.others()) this.sentOthers.set(entry.mac, this.otherState(entry));
    this.sentSuggestions = JSON.stringify(overview.suggestions());
    this.timer = setInterval(() => this.look(), LOOK_EVERY_MS);
  }

  private stop(): void {
    clearInterval(this.timer);
    this.sent.clear();
    this.sentOthers.clear();
  }

  private async sendEverything(page: Page, hello: Hello): Promise<void> {
    const { stream } = page;
    // The browser must connect again after this time when the connection breaks.
    stream.push('retry: 2000\n\n');
    await this.overview.refresh();
    const { overview } = this;
    const [status, outbox, suggestions] = [await overview.status(), await overview.outbox(), overview.suggestions()];
    page.isGreeted = true;
    send(page, { hello, status, outbox, suggestions });
    for (const batches of [overview.devices(), overview.otherDevices()]) {
      for await (const devices of batches) {
        if (stream.destroyed) return;
        send(page, { devices });
        while (stream.readableLength > ENOUGH_BEHIND_BYTES && !stream.destroyed) await delay(20);
      }
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

  /** Returns what has changed since the latest look; null when nothing has. `isThorough`: also what changes all the time. */
  private changes(isThorough: boolean): Update | null {
    const devices: DeviceJson[] = [];
    const seen: Record<string, [number, number, number]> = {};
    const shown = new Set<MacAddress>();
    const open = new Set<Visit>();
    for (const visit of this.overview.visits()) {
      open.add(visit);
      shown.add(visit.mac);
      const before = this.sent.get(visit);
      const now = this.stateOf(visit);
      if (before === undefined || isNews(before, now)) devices.push(this.overview.device(visit));
      else if (isThorough && before.lastMs !== now.lastMs)
        seen[formatMac(visit.mac)] = [visit.lastMs, visit.lastSightingMs, visit.sightings];
      else continue;
      this.sent.set(visit, now);
    }
    const gone = new Set<MacAddress>();
    for (const visit of this.sent.keys()) {
      if (open.has(visit)) continue;
      this.sent.delete(visit);
      gone.add(visit.mac);
    }
    devices.push(...this.changesOfOthers(isThorough, shown, gone));
    // If there are too many devices, some are left out, but are not gone.
    const left = [...gone].filter((mac) => !shown.has(mac) && !this.overview.isOpen(mac)).map(formatMac);
    const suggestions = this.newSuggestions();
    const hasSeen = Object.keys(seen).length > 0;
    if (devices.length === 0 && left.length === 0 && !hasSeen && suggestions === null) return null;
    return {
      ...(devices.length > 0 ? { devices } : {}),
      ...(hasSeen ? { seen } : {}),
      ...(left.length > 0 ? { gone: left } : {}),
      ...(suggestions === null ? {} : { suggestions }),
    };
  }

  /** Of devices without an open visit. Adds to `shown` those that there are, and to `gone` those that there were. */
  private changesOfOthers(isThorough: boolean, shown: Set<MacAddress>, gone: Set<MacAddress>): DeviceJson[] {
    const { overview, sentOthers } = this;
    const devices: DeviceJson[] = [];
    for (const mac of sentOthers.keys()) gone.add(mac);
    for (const entry of overview.others()) {
      const { mac, version } = entry;
      shown.add(mac);
      const before = sentOthers.get(mac);
      const mayBeSame = before?.version === version && before.label?.since === overview.labelOf(mac)?.since;
      if (mayBeSame && !isThorough) continue;
      const now = this.otherState(entry);
      if (before === undefined || isOtherNews(before, now)) devices.push(overview.otherDevice(entry));
      sentOthers.set(mac, now);
    }
    for (const mac of sentOthers.keys()) if (!shown.has(mac) || overview.isOpen(mac)) sentOthers.delete(mac);
    return devices;
  }

  private newSuggestions(): readonly SuggestionJson[] | null {
    const suggestions = this.overview.suggestions();
    const text = JSON.stringify(suggestions);
    if (text === this.sentSuggestions) return null;
    this.sentSuggestions = text;
    return suggestions;
  }

  private otherState(entry: DiaryEntry & { readonly version: number }): SentOther {
    const { overview } = this;
    const label = overview.labelOf(entry.mac);
    return {
      version: entry.version,
      here: overview.isHere(entry),
      label,
      standing: overview.standing(entry),
      report: overview.otherReport(entry),
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

function isOtherNews(before: SentOther, now: SentOther): boolean {
  return (
    before.version !== now.version ||
    before.here !== now.here ||
    before.label?.since !== now.label?.since ||
    before.standing.decision !== now.standing.decision ||
    before.standing.reason !== now.standing.reason ||
    before.report.state !== now.report.state ||
    before.report.reason !== now.report.reason
  );
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
