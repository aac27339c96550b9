// Which devices look like equipment that nobody has labelled yet, and why. Pure. A suggestion changes nothing by itself: a person decides.
import { wallTime } from '../nexudus/wall-time.js';
import type { Kind } from './kind.js';

/** A night lasts from one to five by the clock on the wall of the location: then coworkers and cleaners are at home. */
const NIGHT_FROM_HOUR = 1;
const NIGHT_TO_HOUR = 5;
/** Printers doze, and visits have gaps: who was here for this part of a night was here through the night. */
const NIGHT_SHARE = 0.75;
const QUARTER_MS = 15 * 60_000;
const LOOK_BACK_MS = 48 * 3_600_000;

/** Kinds of device that stay in the building. Not `Linux`, `Windows` or `Mac`, nor consoles, which people bring and take home. */
const ALWAYS_ON: readonly Kind[] = [
  'access point',
  'Apple TV',
  'desk phone',
  'HomePod',
  'network device',
  'printer',
  'Raspberry Pi',
  'Roku',
  'Sonos',
  'television',
  'Ubiquiti device',
];

/** DHCP option 60 of clients that are built into equipment alone: https://git.busybox.net/busybox, networking/udhcp/dhcpc.c. */
const EMBEDDED_CLIENT = /^udhcpc?\b/;

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface SuggestionFacts {
  /** As `kindOf` says. */
  readonly kind: string | null;
  /** DHCP option 60. */
  readonly vendorClass: string | null;
  /** As what server it answers on this network, a phrase with its article; null when as none. */
  readonly service: string | null;
  /** When it was here, in the order of time; the spans do not overlap. */
  readonly presence: readonly Span[];
}

export interface Suggestion {
  /** Each the end of a sentence that begins with "it". Never empty. */
  readonly reasons: readonly string[];
  /** It answers as a server: that of an attacker looks the same, so somebody should look at the device itself first. */
  readonly needsCare: boolean;
}

/** Null: it does not look like equipment. `nights` as `nightsBefore` says. */
export function suggestionFor(facts: SuggestionFacts, nights: readonly Span[]): Suggestion | null {
  const { kind, vendorClass, service, presence } = facts;
  const reasons = [
    nights.some((night) => isHereThrough(presence, night)) ? 'was here through the night' : null,
    kind !== null && ALWAYS_ON.some((always) => always === kind)
      ? `is of a kind that stays in the building (${kind})`
      : null,
    vendorClass !== null && EMBEDDED_CLIENT.test(vendorClass)
      ? 'asks for its address as small built-in devices do (udhcp)'
      : null,
    service === null ? null : `answers as ${service}`,
  ].filter((reason) => reason !== null);
  return reasons.length === 0 ? null : { reasons, needsCare: service !== null };
}

/** The nights of the last two days that are over, in the order of time. `timeZone` null: that of this machine. */
export function nightsBefore(nowMs: number, timeZone: string | null): readonly Span[] {
  const nights: { fromMs: number; toMs: number }[] = [];
  // Quarters of an hour, because zones begin their hours at any of them, and put their clocks forward or back at night.
  const first = Math.floor((nowMs - LOOK_BACK_MS) / QUARTER_MS) * QUARTER_MS;
  for (let fromMs = first; fromMs <= nowMs; fromMs += QUARTER_MS) {
    const hour = Number(wallTime(fromMs, timeZone).slice(11, 13));
    if (hour < NIGHT_FROM_HOUR || hour >= NIGHT_TO_HOUR) continue;
    const night = nights.at(-1);
    if (night !== undefined && night.toMs === fromMs) night.toMs += QUARTER_MS;
    else nights.push({ fromMs, toMs: fromMs + QUARTER_MS });
  }
  // The first may have begun before, and the last may still go on.
  return nights.filter(({ fromMs, toMs }) => fromMs > first && toMs <= nowMs);
}

function isHereThrough(presence: readonly Span[], night: Span): boolean {
  let hereMs = 0;
  for (const { fromMs, toMs } of presence) {
    hereMs += Math.max(0, Math.min(toMs, night.toMs) - Math.max(fromMs, night.fromMs));
  }
  return hereMs >= NIGHT_SHARE * (night.toMs - night.fromMs);
}
