// Who is asked whether it is still here, and when: a device in an open visit that has been silent for a while. Pure and clock-free.
import type { Visit } from './visit.js';

/** A device is asked when it was silent for this part of the gap, so that an answer comes long before the visit would end. */
const SILENT_PART_OF_GAP = 1 / 3;
/** Sleeping phones answer late, and not each time: 5 of 10 within the usual second, 10 of 10 within two (WatchYourLAN #65). */
const WAIT_MS = 2_000;
/** In one silence. */
const MAX_TRIES = 3;
/** Twenty a second are allowed. Some sixteen stay below that also when timers and the kernel are late with one frame. */
export const PROBE_EVERY_MS = 60;
const LOOK_EVERY_MS = 1_000;

/** What is asked of the tracker. */
export interface HeardVisits {
  /** The open visits of devices that were not heard since `steadyMs`. */
  silentSince(steadyMs: number): Iterable<Visit>;
  /** Steady time at which the device of an open visit was last heard; null when the visit is over. */
  heardMs(visit: Visit): number | null;
}

/** One device's silence, from when it was last heard. */
interface Silence {
  readonly visit: Visit;
  readonly heardMs: number;
  /** When it is to be asked. */
  dueMs: number;
  tries: number;
}

/** Sends one frame; `tries` is how many were sent before in this silence. Returns whether it was sent. */
export type SendProbe = (visit: Visit, tries: number) => boolean;

export class SilentDevices {
  /** How often to ask when there is nobody to ask, ms. */
  readonly lookEveryMs: number;
  private readonly silentMs: number;
  /** Those that were asked enough included, for as long as they say nothing. */
  private silences = new Map<Visit, Silence>();
  // Both in the order in which they are due.
  private readonly fresh: Silence[] = [];
  private readonly again: Silence[] = [];
  private lookMs = Number.NEGATIVE_INFINITY;
  private sentMs = Number.NEGATIVE_INFINITY;

  /** `gapMs` is the silence that ends a visit. `isWanted` says whether it matters that a device is here; without, it always does. */
  constructor(
    gapMs: number,
    private readonly visits: HeardVisits,
    private readonly isWanted: (visit: Visit) => boolean = () => true,
  ) {
    this.silentMs = gapMs * SILENT_PART_OF_GAP;
    this.lookEveryMs = Math.min(LOOK_EVERY_MS, gapMs / 12);
  }

  /**
   * Has at most one device asked: the one that has been due for longest. What cannot be sent does not count, and is tried again later.
   * Returns whether a frame was sent; then somebody else may be due PROBE_EVERY_MS later.
   */
  ask(steadyMs: number, send: SendProbe): boolean {
    if (steadyMs >= this.lookMs) this.look(steadyMs);
    if (steadyMs - this.sentMs < PROBE_EVERY_MS) return false;
    for (let silence = this.take(steadyMs); silence !== undefined; silence = this.take(steadyMs)) {
      const { visit, heardMs, tries } = silence;
      if (this.visits.heardMs(visit) !== heardMs || !canBeAsked(visit) || !this.isWanted(visit)) continue;
      const isSent = send(visit, tries);
      if (isSent) silence.tries++;
      silence.dueMs = steadyMs + WAIT_MS;
      if (silence.tries < MAX_TRIES) this.again.push(silence);
      if (!isSent) continue;
      this.sentMs = steadyMs;
      return true;
    }
    return false;
  }

  /** Notes who has fallen silent, and forgets who was heard or has left. */
  private look(steadyMs: number): void {
    this.lookMs = steadyMs + this.lookEveryMs;
    const before = this.silences;
    this.silences = new Map();
    const found: Silence[] = [];
    for (const visit of this.visits.silentSince(steadyMs - this.silentMs)) {
      const heardMs = this.visits.heardMs(visit);
      if (heardMs === null) continue;
      const known = before.get(visit);
      if (known?.heardMs === heardMs) this.silences.set(visit, known);
      else found.push({ visit, heardMs, dueMs: heardMs + this.silentMs, tries: 0 });
    }
    found.sort((a, b) => a.dueMs - b.dueMs);
    for (const silence of found) {
      this.silences.set(silence.visit, silence);
      this.fresh.push(silence);
    }
  }

  /** Takes out who has been due for longest by `steadyMs`; undefined when nobody is. */
  private take(steadyMs: number): Silence | undefined {
    const [fresh, again] = [this.fresh[0], this.again[0]];
    const queue = again === undefined || (fresh !== undefined && fresh.dueMs <= again.dueMs) ? this.fresh : this.again;
    const [first] = queue;
    return first !== undefined && first.dueMs <= steadyMs ? queue.shift() : undefined;
  }
}

/**
 * Only by an address that the device has shown. Behind a VLAN tag the sensor has no address of its own to ask from: who wants those
 * devices asked has the sensor listen on the VLAN's interface (eth0.30), where frames have no tag.
 */
function canBeAsked({ vlan, ipv4s, ipv6s }: Visit): boolean {
  return vlan === null && ipv4s.length + ipv6s.length > 0;
}
