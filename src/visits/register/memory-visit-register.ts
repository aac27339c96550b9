// The visit register of one process, for replays, trials and tests. It follows the same rules as sight.lua and settle.lua.
import type { MacAddress } from '../../addresses/mac-address.js';
import type { RegisteredVisit, Settlement, VisitRegister } from './visit-register.js';
import { MAX_VISITS } from './visit-register.js';

interface KeptVisit {
  readonly startMs: number;
  fromMs: number;
  toMs: number;
  settlement: Settlement | null;
}

/** Nearly all devices have a single visit, and share an empty list of earlier ones. */
interface KeptDevice {
  lastReportedMs: number | null;
  latest: KeptVisit;
  earlier: readonly KeptVisit[];
}

const NONE: readonly KeptVisit[] = [];

export class MemoryVisitRegister implements VisitRegister {
  private readonly devices = new Map<MacAddress, KeptDevice>();
  private newestMs = Number.NEGATIVE_INFINITY;
  private sweepMs = Number.NEGATIVE_INFINITY;

  /** `gapMs`: a silence longer than this ends a visit. `retentionMs`: devices not seen for this long (event time) are dropped. */
  constructor(
    private readonly gapMs: number,
    private readonly retentionMs: number,
  ) {}

  /** Devices that are kept. */
  get size(): number {
    return this.devices.size;
  }

  registerSightings(mac: MacAddress, firstMs: number, lastMs: number): RegisteredVisit {
    this.sweep(lastMs);
    const device = this.devices.get(mac);
    if (device === undefined) {
      const only = { startMs: firstMs, fromMs: firstMs, toMs: lastMs, settlement: null };
      this.devices.set(mac, { lastReportedMs: null, latest: only, earlier: NONE });
      return { startMs: firstMs, settlement: null, lastReportedMs: null, isOlderThanKept: false };
    }
    const { latest, earlier } = device;
    const oldestMs = lastMs - this.retentionMs;
    const isAllRecent = earlier.every(({ toMs }) => toMs >= oldestMs);
    const isLatest = this.touches(latest, firstMs, lastMs);
    let visit = latest;
    // When an early visit was found late, there may be one visit too many, which only `join` drops.
    if (isLatest && isAllRecent && !this.touches(earlier.at(-1), firstMs, lastMs) && earlier.length < MAX_VISITS) {
      // Nearly always the latest visit goes on.
      visit.fromMs = Math.min(firstMs, visit.fromMs);
      visit.toMs = Math.max(lastMs, visit.toMs);
    } else {
      visit = this.join(device, firstMs, lastMs);
    }
    const { lastReportedMs } = device;
    // It changes nothing any more (REPORT_AGAIN_AFTER is not longer than the retention), unless its visit goes on.
    const isOver = lastReportedMs !== null && lastReportedMs !== visit.startMs && lastReportedMs < oldestMs;
    if (isOver) device.lastReportedMs = null;
    const isOlderThanKept = visit === device.earlier[0] && device.earlier.length === MAX_VISITS;
    return {
      startMs: visit.startMs,
      settlement: visit.settlement,
      lastReportedMs: device.lastReportedMs,
      isOlderThanKept,
    };
  }

  settleVisit(mac: MacAddress, startMs: number, settlement: Settlement): void {
    const device = this.devices.get(mac);
    if (device === undefined) return;
    const visit = [...device.earlier, device.latest].find(
      (candidate) => startMs >= Math.min(candidate.startMs, candidate.fromMs) && startMs <= candidate.toMs,
    );
    if (visit === undefined) return;
    if (visit.settlement === null || visit.settlement === 'labelled') visit.settlement = settlement;
    if (settlement === 'reported') device.lastReportedMs = Math.max(device.lastReportedMs ?? 0, visit.startMs);
  }

  forget(mac: MacAddress): void {
    this.devices.delete(mac);
  }

  async close(): Promise<void> {
    this.devices.clear();
  }

  private touches(visit: KeptVisit | undefined, firstMs: number, lastMs: number): boolean {
    return visit !== undefined && firstMs <= visit.toMs + this.gapMs && lastMs >= visit.fromMs - this.gapMs;
  }

  /** Adds a visit, which may lie anywhere among the device's others and join some of them. */
  private join(device: KeptDevice, firstMs: number, lastMs: number): KeptVisit {
    const visits = [...device.earlier, device.latest];
    const touching = visits.filter((visit) => this.touches(visit, firstMs, lastMs));
    const settlements = touching.map(({ settlement }) => settlement).filter((settlement) => settlement !== null);
    // The earliest visit gives the id. The first settlement stays, but any other replaces `labelled`.
    const visit: KeptVisit = {
      startMs: touching[0]?.startMs ?? firstMs,
      fromMs: Math.min(firstMs, ...touching.map(({ fromMs }) => fromMs)),
      toMs: Math.max(lastMs, ...touching.map(({ toMs }) => toMs)),
      settlement: settlements.find((settlement) => settlement !== 'labelled') ?? settlements[0] ?? null,
    };
    const oldestMs = lastMs - this.retentionMs;
    const others = visits.filter((other) => !touching.includes(other) && other.toMs >= oldestMs);
    const before = others.filter(({ fromMs }) => fromMs <= lastMs);
    const kept = before.concat(visit, others.slice(before.length));
    const latest = kept.pop() ?? visit;
    const least = kept.length + 1 - MAX_VISITS;
    device.latest = latest;
    device.earlier = least <= 0 ? kept : kept.filter((other, index) => index >= least || other === visit);
    return visit;
  }

  private sweep(eventMs: number): void {
    if (eventMs > this.newestMs) this.newestMs = eventMs;
    if (this.newestMs < this.sweepMs) return;
    this.sweepMs = this.newestMs + this.retentionMs / 4;
    const isOld = ({ toMs }: KeptVisit) => toMs < this.newestMs - this.retentionMs;
    for (const [mac, { latest, earlier }] of this.devices) {
      if (isOld(latest) && earlier.every(isOld)) this.devices.delete(mac);
    }
  }
}
