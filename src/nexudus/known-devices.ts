// Reads from Nexudus which devices belong to whom: users, registered devices and coworkers, either all or only changes.
// API: GET /api/sys/users, /api/sys/registereddevices, /api/spaces/coworkers.
import { setTimeout as delay } from 'node:timers/promises';
import type { z } from 'zod';
import { isDeviceMac, type MacAddress, parseMac } from '../addresses/mac-address.js';
import { type CallOptions, type NexudusClient, NexudusError } from './client.js';
import { macsIn } from './macs-in-text.js';
import { type Getter, readPages } from './pages.js';
import {
  type CoworkerRecord,
  coworkerRecord,
  type RegisteredDeviceRecord,
  registeredDeviceRecord,
  type UserRecord,
  userRecord,
} from './schemas.js';

export interface KnownCoworker {
  readonly id: number;
  readonly name: string;
  readonly active: boolean;
  readonly archived: boolean;
}

/** Everything that Nexudus knows about an owner of devices. It replaces everything known under the same `userId`. */
export interface KnownUser {
  /** The user's Id. For a registered device that belongs to nobody: the negative of the device's Id. */
  readonly userId: number;
  readonly name: string;
  readonly active: boolean;
  /** Null for staff. If a user has several coworkers, one that is not archived and active comes first. */
  readonly coworker: KnownCoworker | null;
  /** Empty when the user has no device any more. */
  readonly macs: readonly MacAddress[];
}

export interface KnownDevicesBatch {
  /** When the reading began, by Nexudus's clock. If the reading succeeds, it is the next reading's `since`. */
  readonly startedAt: Date;
  /** True: when the reading has succeeded, it replaces everything known. False: each user replaces what was known of that user. */
  readonly full: boolean;
  readonly users: readonly KnownUser[];
  /** Number of users whose full record is still to be read, because the list hides their devices. */
  readonly unread: number;
}

/**
 * What was read from full user records, by user Id. The caller keeps it between readings (as entries it is JSON), so that a user whose
 * UpdatedOn is the same is not read again. Readings add to it, also those that fail half-way.
 */
export type FullReads = Map<number, { readonly updatedOn: string; readonly macs: readonly MacAddress[] }>;

/**
 * By the path of a list: how many ms before `since` its range must begin, because Nexudus does not document the time zone of ranges.
 * The caller keeps it between readings. Readings of changes make it smaller when answers show that less is enough.
 */
export type RangeMargins = Map<string, number>;

export interface KnownDevicesOptions {
  /** Reads only what has changed since then. Null or left out: reads everything. */
  readonly since?: Date | null;
  readonly signal?: AbortSignal | undefined;
  readonly fullReads?: FullReads;
  readonly rangeMargins?: RangeMargins;
  /** Awaited before each request; by default one request a second. */
  readonly pace?: Pace;
  /** Called when Nexudus asks to wait. The reading waits. */
  readonly onThrottled?: (waitMs: number) => void;
}

export type Pace = (signal: AbortSignal | undefined) => Promise<void>;

const USERS = '/api/sys/users';
const DEVICES = '/api/sys/registereddevices';
const COWORKERS = '/api/spaces/coworkers';

/**
 * A request a second makes 3,600 an hour. The strictest published limits are 120 a minute and 5,000 an hour for all methods, so there
 * is room for deliveries.
 */
const REQUEST_INTERVAL_MS = 1_000;
/** How long to wait when Nexudus does not say it. Its limits are per minute. */
const DEFAULT_WAIT_MS = 60_000;
/** Ranges are precise to the minute, clocks differ, and a record may become visible a moment after its UpdatedOn. */
const OVERLAP_MS = 5 * 60_000;
/** Local time differs from UTC by at most 14 hours. */
const ANY_ZONE_MS = 15 * 3_600_000;
/** Added to a margin, so that it is also enough when daylight saving time begins or ends. */
const SUMMER_TIME_MS = 3_600_000;
/** Each changed user costs up to three requests. With more changes than this, reading the whole lists is cheaper. */
const MAX_CHANGES = 200;
const BATCH_SIZE = 1_000;

/** Returns a pace of one request in `intervalMs`. */
export function minimumInterval(intervalMs: number): Pace {
  let nextMs = 0;
  return async (signal) => {
    const nowMs = performance.now();
    const waitMs = nextMs - nowMs;
    nextMs = Math.max(nowMs, nextMs) + intervalMs;
    if (waitMs > 0) await wait(waitMs, signal);
  };
}

/**
 * Reads the known devices in batches. A device in a batch is known from then on. A device in no batch is unknown only when the
 * reading has succeeded. A throttled request is repeated after the wait. Any other NexudusError ends the reading, and so does the
 * signal, with its reason. There is always at least one batch. Roles User-List, User-Read, RegisteredDevice-List, Coworker-List.
 *
 * A full reading reads the three lists, which takes some 750 requests for 50,000 customers. Only owners of devices stay in memory.
 * Then it reads the full records (GET /{id}) of the users whose `Devices` is null, because lists may leave out fields. Active users
 * come first. Users whose version of the record is in `fullReads` are not read again. Such a user is in no batch before the full
 * record is read, because an incomplete list of devices must not replace what was known. An empty `Devices` string means that there
 * are no devices.
 *
 * With `since`, it lists the users, registered devices and coworkers that changed, and reads each user concerned anew. If there are
 * more than 200, the reading becomes a full one. Only a full reading notices what was deleted in Nexudus or moved to another user, so
 * one is needed now and then. A server that reads ranges in a zone behind UTC would leave out the latest changes. So ranges begin up
 * to 15 hours before `since`, and records with an older UpdatedOn are skipped.
 */
export async function* readKnownDevices(
  client: NexudusClient,
  { since = null, fullReads = new Map(), rangeMargins = new Map(), ...options }: KnownDevicesOptions = {},
): AsyncGenerator<KnownDevicesBatch, void, undefined> {
  const reading = new Reading(client, fullReads, rangeMargins, options);
  if (since === null) yield* reading.everything();
  else yield* reading.changes(since);
}

class Reading {
  readonly #client: NexudusClient;
  readonly #fullReads: FullReads;
  readonly #rangeMargins: RangeMargins;
  readonly #signal: AbortSignal | undefined;
  readonly #pace: Pace;
  readonly #onThrottled: (waitMs: number) => void;
  #startedAt: Date | null = null;

  constructor(
    client: NexudusClient,
    fullReads: FullReads,
    rangeMargins: RangeMargins,
    { signal, pace, onThrottled }: KnownDevicesOptions,
  ) {
    this.#client = client;
    this.#fullReads = fullReads;
    this.#rangeMargins = rangeMargins;
    this.#signal = signal;
    this.#pace = pace ?? minimumInterval(REQUEST_INTERVAL_MS);
    this.#onThrottled = onThrottled ?? (() => {});
  }

  async *everything(): AsyncGenerator<KnownDevicesBatch, void, undefined> {
    const devices = new OwnedDevices();
    for await (const page of this.#list(DEVICES, registeredDeviceRecord, 'RegisteredDevice-List')) devices.add(page);

    // Owners of devices, and users who may be owners. Only their coworkers are needed.
    const found = new Map<number, Draft>();
    const unread = new Set<number>();
    for await (const page of this.#list(USERS, userRecord, 'User-List')) {
      for (const user of page) {
        const typed = this.#typedMacs(user);
        const macs = [...new Set([...(typed ?? []), ...devices.of(user.Id)])];
        if (typed === null) unread.add(user.Id);
        if (typed === null || macs.length > 0) found.set(user.Id, draft(user, macs));
      }
    }
    for (const owner of devices.withoutUser(found)) found.set(owner.userId, owner);
    for await (const page of this.#list(COWORKERS, coworkerRecord, 'Coworker-List')) {
      for (const coworker of page) if (coworker.UserId !== null) better(found.get(coworker.UserId), coworker);
    }
    // Users are removed from `found` as they are yielded, so that this index and the caller's are never both complete.
    let users: KnownUser[] = [];
    for (const [userId, user] of found) {
      if (unread.has(userId)) continue;
      found.delete(userId);
      users.push(user);
      if (users.length < BATCH_SIZE) continue;
      yield this.#batch(true, users, unread.size);
      users = [];
    }
    yield this.#batch(true, users, unread.size);

    const unreadUsers = [...found.values()];
    found.clear();
    unreadUsers.sort((a, b) => Number(isLikelyHere(b)) - Number(isLikelyHere(a)));
    for (const user of unreadUsers) {
      const full = await this.#fullUser(user.userId);
      unread.delete(user.userId);
      const macs = [...new Set([...(full?.macs ?? []), ...user.macs])];
      if (macs.length > 0) yield this.#batch(true, [{ ...user, macs }], unread.size);
    }
  }

  async *changes(since: Date): AsyncGenerator<KnownDevicesBatch, void, undefined> {
    const changed = new Map<number, UserRecord | null>();
    const withoutOwner = new OwnedDevices();
    for await (const page of this.#changed(since, USERS, userRecord, 'User')) {
      for (const user of page) changed.set(user.Id, user);
      if (changed.size > MAX_CHANGES) return yield* this.everything();
    }
    const note = (page: readonly { UserId: number | null }[]) => {
      for (const { UserId } of page) if (UserId !== null && !changed.has(UserId)) changed.set(UserId, null);
      return changed.size > MAX_CHANGES;
    };
    for await (const page of this.#changed(since, DEVICES, registeredDeviceRecord, 'RegisteredDevice')) {
      withoutOwner.add(page.filter(({ UserId }) => UserId === null));
      if (note(page)) return yield* this.everything();
    }
    for await (const page of this.#changed(since, COWORKERS, coworkerRecord, 'Coworker')) {
      if (note(page)) return yield* this.everything();
    }
    let unread = changed.size;
    yield this.#batch(false, withoutOwner.withoutUser(changed), unread);
    for (const [userId, user] of changed) yield this.#batch(false, [await this.#whole(userId, user)], --unread);
  }

  /**
   * Yields the records of a list that changed since. The margin gets smaller when the list shows a record soon after the start of its
   * range: if the earliest record is an hour after the start, the zone cannot cost more than an hour. So lists soon get shorter.
   */
  async *#changed<T extends { UpdatedOn: string | null }>(
    since: Date,
    path: string,
    record: z.ZodType<T>,
    entity: string,
  ): AsyncGenerator<T[]> {
    const marginMs = this.#rangeMargins.get(path) ?? ANY_ZONE_MS;
    const sinceMs = since.getTime() - OVERLAP_MS;
    const fromMs = Math.floor((sinceMs - marginMs) / 60_000) * 60_000;
    const query = { [`from_${entity}_UpdatedOn`]: new Date(fromMs).toISOString().slice(0, 16) };
    for await (const page of this.#list(path, record, `${entity}-List`, query)) {
      const times = page.map(({ UpdatedOn }) => timeOf(UpdatedOn));
      for (const time of times) {
        if (time === null) continue;
        const enoughMs = Math.max(0, time - fromMs) + SUMMER_TIME_MS;
        if (enoughMs < (this.#rangeMargins.get(path) ?? ANY_ZONE_MS)) this.#rangeMargins.set(path, enoughMs);
      }
      yield page.filter((_, index) => (times[index] ?? sinceMs) >= sinceMs);
    }
  }

  /** Reads a user from the three lists. */
  async #whole(userId: number, listed: UserRecord | null): Promise<KnownUser> {
    const typed = listed === null ? null : this.#typedMacs(listed);
    const full = typed === null ? await this.#fullUser(userId) : null;
    const devices = new OwnedDevices();
    const ofUser = { RegisteredDevice_User: userId };
    for await (const page of this.#list(DEVICES, registeredDeviceRecord, 'RegisteredDevice-List', ofUser))
      devices.add(page);
    const user = listed ?? full?.user ?? { Id: userId, FullName: devices.nameOf(userId), Active: null };
    const result = draft(user, [...new Set([...(typed ?? full?.macs ?? []), ...devices.of(userId)])]);
    if (result.macs.length === 0) return result;
    for await (const page of this.#list(COWORKERS, coworkerRecord, 'Coworker-List', { Coworker_User: userId })) {
      for (const coworker of page) if (coworker.UserId === userId) better(result, coworker);
    }
    return result;
  }

  /** Returns the MACs in a listed user's Devices; null when the full record must be read for them. */
  #typedMacs({ Id, Devices, UpdatedOn }: UserRecord): readonly MacAddress[] | null {
    if (Devices !== null) return macsIn(Devices);
    const read = this.#fullReads.get(Id);
    return read !== undefined && read.updatedOn === UpdatedOn ? read.macs : null;
  }

  /** Reads the full record; null when the user is deleted. */
  async #fullUser(id: number): Promise<{ user: UserRecord; macs: readonly MacAddress[] } | null> {
    try {
      const user = await this.#get(`${USERS}/${id}`, userRecord, { role: 'User-Read' });
      const macs = macsIn(user.Devices ?? '');
      if (user.UpdatedOn !== null) this.#fullReads.set(id, { updatedOn: user.UpdatedOn, macs });
      return { user, macs };
    } catch (error) {
      if (error instanceof NexudusError && error.failure.kind === 'rejected' && error.failure.status === 404)
        return null;
      throw error;
    }
  }

  #batch(full: boolean, users: readonly KnownUser[], unread: number): KnownDevicesBatch {
    return { startedAt: this.#startedAt ?? new Date(), full, users, unread };
  }

  #list<T>(
    path: string,
    record: z.ZodType<T>,
    role: string,
    query: Record<string, string | number> = {},
  ): AsyncGenerator<T[]> {
    return readPages({ get: this.#get }, path, record, { role, query });
  }

  /** `client.get` at this reading's pace. It waits when Nexudus asks to wait. */
  readonly #get: Getter['get'] = async (path, schema, options: CallOptions) => {
    const signal = this.#signal;
    for (;;) {
      signal?.throwIfAborted();
      await this.#pace(signal);
      try {
        const value = await this.#client.get(path, schema, { ...options, signal });
        this.#startedAt ??= new Date(Date.now() - (this.#client.clockSkewMs() ?? 0));
        return value;
      } catch (error) {
        if (!(error instanceof NexudusError) || error.failure.kind !== 'throttled') throw error;
        const waitMs = error.failure.retryAfterMs ?? DEFAULT_WAIT_MS;
        this.#onThrottled(waitMs);
        await wait(waitMs, signal);
      }
    }
  };
}

/** Returns UpdatedOn as ms since the epoch; null when it names no time zone. */
function timeOf(updatedOn: string | null): number | null {
  if (updatedOn === null || !/(?:Z|[+-]\d\d:?\d\d)$/i.test(updatedOn)) return null;
  const time = Date.parse(updatedOn);
  return Number.isNaN(time) ? null : time;
}

/** A known user whose coworker is not found yet. */
type Draft = KnownUser & { coworker: KnownCoworker | null };

function draft(
  { Id, FullName, Active }: Pick<UserRecord, 'Id' | 'FullName' | 'Active'>,
  macs: readonly MacAddress[],
): Draft {
  return { userId: Id, name: FullName ?? `user ${Id}`, active: Active ?? true, coworker: null, macs };
}

/** Gives a user this coworker, unless there is one that is as good. A coworker is inactive only if Nexudus says so. */
function better(user: Draft | undefined, { Id, FullName, Active, Archived }: CoworkerRecord): void {
  if (user === undefined) return;
  const coworker = { id: Id, name: FullName ?? user.name, active: Active ?? true, archived: Archived ?? false };
  if (user.coworker === null || rank(coworker) > rank(user.coworker)) user.coworker = coworker;
}

function rank({ active, archived }: KnownCoworker): number {
  return (archived ? 0 : 2) + (active ? 1 : 0);
}

function isLikelyHere({ active, coworker }: KnownUser): boolean {
  return active && (coworker === null || rank(coworker) === 3);
}

/** Registered devices whose DeviceId is a MAC, by user. Inactive ones count too, because their owner is known. */
class OwnedDevices {
  readonly #byUser = new Map<number, { name: string | null; macs: MacAddress[] }>();

  add(records: readonly RegisteredDeviceRecord[]): void {
    for (const { Id, UserId, Name, DeviceId } of records) {
      const mac = parseMac(DeviceId ?? '');
      if (mac === null || !isDeviceMac(mac)) continue;
      const owner = UserId ?? -Id;
      const known = this.#byUser.get(owner);
      if (known === undefined) this.#byUser.set(owner, { name: Name, macs: [mac] });
      else known.macs.push(mac);
    }
  }

  of(userId: number): readonly MacAddress[] {
    return this.#byUser.get(userId)?.macs ?? [];
  }

  nameOf(userId: number): string | null {
    return this.#byUser.get(userId)?.name ?? null;
  }

  /** Returns owners that are not among `users`: devices of nobody, and of users that are not in the list. */
  withoutUser(users: ReadonlyMap<number, unknown>): Draft[] {
    return [...this.#byUser]
      .filter(([userId]) => !users.has(userId))
      .map(([userId, { name, macs }]) =>
        draft({ Id: userId, FullName: name ?? 'registered device', Active: null }, macs),
      );
  }
}

async function wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await delay(milliseconds, undefined, { signal });
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  }
}
