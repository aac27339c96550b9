// The health of the sensor, in a word and in sentences, from facts.
//
// degraded (and HTTP 503, so that an uptime monitor informs an operator) means that somebody should look:
//   - an interface does not capture (missing, down, no link, failed), or was silent for longer than SILENCE_ALARM
//   - frames of an interface can be captured, but keep-alives cannot
//   - Redis does not answer, or visits wait because they cannot be kept
//   - the latest read or post was refused or not answered by Nexudus (being asked to slow down is no failure), or the directory was
//     never read, or not for three refresh periods
//   - the outbox holds failed check-ins that Nexudus refused, or one that has waited for more than an hour, or has dropped some within
//     about the last RETENTION that had waited for longer than OUTBOX_RETENTION
//   - Nexudus refuses the failed check-ins of a location
//   - three quarters of the day's posts are used up, or all of them
//   - far more devices arrive than is usual here
//   - new devices are held back: a suspected flood, or a full outbox
//   - a second DHCP server answers, or a second device claims the gateway's address
//
// working is for supervisors (`wifi-monitor health`, a container's health check). It is false only when a restart can help, which is
// when every capture has failed. A restart brings back neither Nexudus nor Redis nor a cable. Waiting for them loses nothing, but a
// restart loses the frames of some seconds.
import type { InterfaceState } from '../../capture/interface-watch.js';
import type { DaySpent } from '../../outbox/day-budget.js';
import type { OutboxCounts } from '../../outbox/outbox.js';
import { countWords } from '../../presenters/count-words.js';
import { clockWords, MAX_CLOCK_OFFSET_MS } from './hub-facts.js';

const OLDEST_IN_OUTBOX_MS = 3_600_000;
const REFRESHES_MISSED = 3;
/** So much of the day's number of posts may be used up before an operator should look. */
const MUCH_OF_DAY = 0.75;

export interface HealthFacts {
  readonly version: string;
  readonly upMs: number;
  /** DRY_RUN: nothing is posted. */
  readonly isDryRun: boolean;
  readonly interfaces: readonly Readonly<InterfaceState>[];
  /** Null without REDIS_URL. */
  readonly redis: { readonly isReachable: boolean } | null;
  /** Null without a login. */
  readonly nexudus: NexudusFacts | null;
  /** Null without HUB_URL. */
  readonly hub: HubLinkFacts | null;
  readonly directory: {
    readonly loaded: boolean;
    readonly devices: number;
    /** Since it was last read from Nexudus, ms; null when never, or when only the local list is used. */
    readonly ageMs: number | null;
    readonly refreshMs: number;
  };
  /** Null when the outbox does not answer. */
  readonly outbox: (OutboxCounts & { readonly oldestAgeMs: number | null }) | null;
  /** Posts of today, by all sensors on one Redis; null when Redis does not answer. */
  readonly day: DaySpent | null;
  /** Failed check-ins that Nexudus refuses to take from this account, as far as this sensor tried them. */
  readonly refusals: readonly RefusalFacts[];
  /** How many devices arrived within ten minutes, when that is far above what is usual; else null. */
  readonly unusualArrivals: number | null;
  readonly visits: {
    readonly open: number;
    readonly waiting: number;
    readonly failing: boolean;
    readonly givenUp: number;
  };
  /** A second DHCP server, a second claimant of the gateway's address, in words without MACs. */
  readonly equipmentConflicts: readonly string[];
  readonly flood: { readonly isHoldingBack: boolean; readonly isOutboxFull: boolean; readonly refused: number };
  /** Steady time now. The times of interfaces are steady time too. */
  readonly steadyMs: number;
}

/** Of one location. */
export interface RefusalFacts {
  readonly businessId: number;
  readonly count: number;
  /** Start of the visit that was refused first, ms since the epoch. */
  readonly firstStartMs: number;
  /** What Nexudus says, without MACs. */
  readonly reason: string;
}

export interface HubLinkFacts {
  /** Since the hub last took something, ms; null when it never did. */
  readonly lastHeardAgeMs: number | null;
  /** Why it does not take anything now, in words; null while it does. */
  readonly failure: string | null;
  /** How far this machine's clock is ahead of the hub's. */
  readonly clockOffsetMs: number | null;
}

export interface NexudusFacts {
  readonly lastSuccessAgeMs: number | null;
  /** Why reading or posting fails, in words; empty while both work. */
  readonly failures: readonly string[];
}

/** What `/healthz` returns. It contains no MAC, no host name, no secret. */
export interface Health {
  readonly status: 'ok' | 'degraded';
  readonly reasons: readonly string[];
  readonly working: boolean;
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly dryRun: boolean;
  readonly capture: readonly {
    readonly interface: string;
    readonly state: InterfaceState['state'];
    readonly silent: boolean;
    readonly frames: number;
    readonly lastFrameAgeSeconds: number | null;
    readonly droppedByKernel: number;
    readonly droppedByInterface: number;
    readonly brokenOff: number;
    readonly reopened: number;
  }[];
  readonly redis: { readonly reachable: boolean } | null;
  readonly nexudus: { readonly lastSuccessAgeSeconds: number | null; readonly failures: readonly string[] } | null;
  /** Null where the sensor delivers by itself. */
  readonly hub: { readonly lastHeardAgeSeconds: number | null; readonly clockOffsetSeconds: number | null } | null;
  readonly directory: { readonly loaded: boolean; readonly devices: number; readonly ageSeconds: number | null };
  readonly outbox: (OutboxCounts & { readonly oldestAgeSeconds: number | null }) | null;
  /** Posts of today (UTC). */
  readonly day: DaySpent | null;
  readonly visits: { readonly open: number; readonly waiting: number; readonly givenUp: number };
  readonly flood: { readonly suspected: boolean; readonly refused: number };
}

export function healthOf(facts: HealthFacts): Health {
  const { visits, flood, outbox, nexudus, redis, directory } = facts;
  const reasons = [
    ...captureReasons(facts),
    ...storeReasons(facts),
    ...nexudusReasons(facts),
    ...hubReasons(facts),
    ...outboxReasons(facts),
    ...refusalReasons(facts),
    ...dayReasons(facts),
    ...floodReasons(facts),
    ...facts.equipmentConflicts,
  ];
  return {
    status: reasons.length === 0 ? 'ok' : 'degraded',
    reasons,
    // A hub has no interfaces.
    working: facts.interfaces.length === 0 || facts.interfaces.some(({ state }) => state !== 'failed'),
    version: facts.version,
    uptimeSeconds: seconds(facts.upMs),
    dryRun: facts.isDryRun,
    capture: facts.interfaces.map((watched) => ({
      interface: watched.name,
      state: watched.state,
      silent: watched.isSilent,
      frames: watched.frames,
      lastFrameAgeSeconds: watched.lastFrameMs === null ? null : seconds(facts.steadyMs - watched.lastFrameMs),
      droppedByKernel: watched.droppedByKernel,
      droppedByInterface: watched.droppedByInterface,
      brokenOff: watched.brokenOff,
      reopened: Math.max(0, watched.reopened),
    })),
    redis: redis === null ? null : { reachable: redis.isReachable },
    nexudus:
      nexudus === null
        ? null
        : { lastSuccessAgeSeconds: secondsOrNull(nexudus.lastSuccessAgeMs), failures: nexudus.failures },
    hub:
      facts.hub === null
        ? null
        : {
            lastHeardAgeSeconds: secondsOrNull(facts.hub.lastHeardAgeMs),
            clockOffsetSeconds: facts.hub.clockOffsetMs === null ? null : Math.round(facts.hub.clockOffsetMs / 1_000),
          },
    directory: { loaded: directory.loaded, devices: directory.devices, ageSeconds: secondsOrNull(directory.ageMs) },
    outbox: outbox === null ? null : outboxHealth(outbox),
    day: facts.day,
    visits: { open: visits.open, waiting: visits.waiting, givenUp: visits.givenUp },
    flood: { suspected: flood.isHoldingBack, refused: flood.refused },
  };
}

function outboxHealth({ oldestAgeMs, ...counts }: NonNullable<HealthFacts['outbox']>): Health['outbox'] {
  return { ...counts, oldestAgeSeconds: secondsOrNull(oldestAgeMs) };
}

/** Why an interface does not capture, or is silent, in words. */
export function* captureReasons({
  interfaces,
  steadyMs,
}: Pick<HealthFacts, 'interfaces' | 'steadyMs'>): Generator<string> {
  for (const { name, state, reason, isSilent, lastFrameMs, sinceMs, keepAliveFailure } of interfaces) {
    if (state !== 'capturing') yield `${name}: ${reason ?? state}`;
    else if (isSilent) {
      const minutes = Math.floor((steadyMs - Math.max(sinceMs, lastFrameMs ?? 0)) / 60_000);
      yield `${name}: no frame for ${minutes < 1 ? 'less than a minute' : `${minutes} min`} although the link is up (SILENCE_ALARM)`;
    }
    if (keepAliveFailure !== null) {
      yield `${name}: keep-alives cannot be heard, so visits may end too early (${keepAliveFailure})`;
    }
  }
}

function* storeReasons({ redis, outbox, visits }: HealthFacts): Generator<string> {
  if (redis !== null && (!redis.isReachable || outbox === null)) yield 'Redis does not answer';
  if (visits.failing)
    yield `${countWords(visits.waiting, 'visit cannot be kept and waits', 'visits cannot be kept and wait')} in memory`;
}

function* nexudusReasons({ nexudus, directory }: HealthFacts): Generator<string> {
  yield* nexudus?.failures ?? [];
  if (!directory.loaded) yield 'the registered devices have not been read from Nexudus yet: visits stay pending';
  else if (directory.ageMs !== null && directory.ageMs > REFRESHES_MISSED * directory.refreshMs) {
    yield `the registered devices were last read from Nexudus ${Math.floor(directory.ageMs / 60_000)} min ago`;
  }
}

function* hubReasons({ hub }: HealthFacts): Generator<string> {
  if (hub === null) return;
  if (hub.failure !== null) yield hub.failure;
  if (Math.abs(hub.clockOffsetMs ?? 0) > MAX_CLOCK_OFFSET_MS)
    yield `this machine: ${clockWords(hub.clockOffsetMs ?? 0)}. Turn on NTP`;
}

function* outboxReasons({ outbox }: HealthFacts): Generator<string> {
  if (outbox === null) return;
  if (outbox.failed > 0) {
    const refused = countWords(outbox.failed, 'failed check-in was', 'failed check-ins were');
    yield `${refused} refused by Nexudus ("wifi-monitor outbox" tells why)`;
  }
  if (outbox.dropped > 0) {
    const dropped = countWords(outbox.dropped, 'failed check-in was', 'failed check-ins were');
    yield `${dropped} dropped after waiting for longer than OUTBOX_RETENTION`;
  }
  if (outbox.oldestAgeMs !== null && outbox.oldestAgeMs > OLDEST_IN_OUTBOX_MS) {
    yield `a failed check-in has waited for ${Math.floor(outbox.oldestAgeMs / 60_000)} min`;
  }
}

function* refusalReasons({ refusals }: HealthFacts): Generator<string> {
  for (const { businessId, count, firstStartMs, reason } of refusals) {
    const first = new Date(firstStartMs).toISOString().slice(0, 16).replace('T', ' ');
    const what = countWords(count, 'failed check-in', 'failed check-ins');
    yield `Nexudus refuses ${what} of location ${businessId}, the first of the visit of ${first} UTC: ${reason} ("wifi-monitor outbox" lists them)`;
  }
}

function* dayReasons({ day }: HealthFacts): Generator<string> {
  if (day === null) return;
  const { posts, perDay, unproven, unprovenPerDay } = day;
  const used = `${posts} of ${perDay} posts of today (UTC) are used up (NEXUDUS_POSTS_PER_DAY)`;
  if (posts >= perDay) yield `${used}: failed check-ins wait for tomorrow`;
  else if (posts >= perDay * MUCH_OF_DAY) yield `${used}: more than is usual`;
  if (posts < perDay && unproven >= unprovenPerDay)
    yield `${unproven} posts of today (UTC) were of devices that showed themselves only once: further ones wait until they prove themselves, or for tomorrow`;
}

function* floodReasons({ flood, unusualArrivals }: HealthFacts): Generator<string> {
  if (unusualArrivals !== null) {
    yield `${unusualArrivals} unregistered devices arrived within ten minutes, far more than is usual here: somebody may be making addresses up ("wifi-monitor outbox drop --unproven" drops what waits of those)`;
  }
  if (!flood.isHoldingBack) return;
  yield flood.isOutboxFull
    ? 'the outbox is full: new devices are not reported until it is shorter'
    : 'suspected flood: too many new devices at once, further ones are not reported until the rate is normal again';
}

function seconds(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds / 1_000));
}

function secondsOrNull(milliseconds: number | null): number | null {
  return milliseconds === null ? null : seconds(milliseconds);
}
