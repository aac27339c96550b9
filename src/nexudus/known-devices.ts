// Whose devices Nexudus knows: reads users, registered devices and coworkers, whole or what has changed.
// API: GET /api/sys/users, /api/sys/registereddevices, /api/spaces/coworkers.
import { setTimeout as delay } from 'node:timers/promises';
import type { z } from 'zod';
import { isDeviceMac, type MacAddress, parseMac } from '../addresses/mac-address.js';
import { type CallOptions, type NexudusClient, NexudusError } from './client.js';
import { macsIn } from './macs-in-text.js';
import { type Get, readPages } from './pages.js';
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

/** Everything Nexudus knows about one owner of devices; replaces all that was known under the same `userId`. */
export interface KnownUser {
  /** The user's Id. A registered device that belongs to nobody is an owner of its own: the negative of the device's Id. */
  readonly userId: number;
  readonly name: string;
  readonly active: boolean;
  /** Null: staff. Of several coworkers of one user the best: not archived and active before the others. */
  readonly coworker: KnownCoworker | null;
  /** Empty when the user has no device any more. */
  readonly macs: readonly MacAddress[];
}

export interface KnownDevicesBatch {
  /** When a reading that ends well began, by Nexudus's clock: the next reading's `since`. */
  readonly startedAt: Date;
  /** The whole reading replaces everything known, once it has ended well; otherwise each user replaces what was known of that user. */
  readonly full: boolean;
  readonly users: readonly KnownUser[];
  /** Users whose full record is still to be read because the list hides their devices. */
  readonly unread: number;
}

/**
 * What full user records said, by user Id. Kept by the caller from one reading to the next (JSON-able as entries), it spares reading a
 * user again whose UpdatedOn has not changed. Readings add to it, also those that fail half-way.
 */
export type FullReads = Map<number, { readonly updatedOn: string; readonly macs: readonly MacAddress[] }>;

/**
 * How many ms before `since` a list has to be asked for, by its path, because the zone that ranges are read in is documented nowhere.
 * Kept by the caller from one reading to the next; readings of changes make it smaller as answers show that less is enough.
 */
export type RangeMargins = Map<string, number>;

export interface KnownDevicesOptions {
  /** Read only what has changed since; null or left out: everything. */
  readonly since?: Date | null;
  readonly signal?: AbortSignal | undefined;
  readonly fullReads?: FullReads;
  readonly rangeMargins?: RangeMargins;
  /** Awaited before each request; by default one request a second. */
  readonly pace?: Pace;
  /** Nexudus asked to wait, and the reading will. */
  readonly onThrottled?: (waitMs: number) => void;
}

export type Pace = (signal: AbortSignal | undefined) => Promise<void>;

const USERS = '/api/sys/users';
const DEVICES = '/api/sys/registereddevices';
const COWORKERS = '/api/spaces/coworkers';

/**
 * One a second is 3,600 an hour: within the strictest published limits (120 a minute and 5,000 an hour for all methods), with room left
 * for deliveries.
 */
const REQUEST_INTERVAL_MS = 1_000;
/** When Nexudus asks to wait without saying how long: its limits count by the minute. */
const DEFAULT_WAIT_MS = 60_000;
/** Ranges are precise to the minute, clocks are not the same, and a record may become visible a moment after its UpdatedOn. */
const OVERLAP_MS = 5 * 60_000;
/** No place is further from UTC than 14 hours. */
const ANY_ZONE_MS = 15 * 3_600_000;
/** What was learned in summer must do in winter. */
const SUMMER_TIME_MS = 3_600_000;
/** A changed user costs up to three requests: past so many changes the lists are cheaper. */
const MAX_CHANGES = 200;
const BATCH_SIZE = 1_000;

/** Allows a request every `intervalMs`. */
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
 * Reads the known devices in batches. A device in a batch is known from then on; a device in none is unknown only when the reading has
 * ended well. Throttled requests are waited for and repeated; any other NexudusError ends the reading, as does the signal with its
 * reason. There is always at least one batch. Roles User-List, User-Read, RegisteredDevice-List, Coworker-List.
 *
 * A full reading takes the three lists: at 50,000 customers some 750 requests, of which only what belongs to owners of devices stays in
 * memory. Then come the users whose `Devices` is null: the list hides what it likes, batch answers too, and only GET /{id} is complete,
 * so each of them is read on its own, active ones first, unless `fullReads` shows that this version of the record was read before.
 * Until then such a user is in no batch: half of somebody's devices must not replace all that was known of them. An empty `Devices`
 * string is taken at its word.
 *
 * With `since`, users, registered devices and coworkers that changed are listed, and each user concerned is put together anew; a
 * reading that finds more than 200 of them becomes a full one. What was deleted in Nexudus, or moved to another user, only a full
 * reading notices, so one is needed now and then. A server that reads ranges in a zone behind UTC would leave the latest changes out, so the
 * lists are asked from 15 hours earlier on, and what UpdatedOn shows to be older than `since` is passed over.
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

    // Owners of devices, and those who may turn out to be: the only ones whose coworker matters.
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
    // Handed over piece by piece and let go, so that the caller's index need not stand beside a second one.
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

    const rest = [...found.values()];
    found.clear();
    rest.sort((a, b) => Number(isLikelyHere(b)) - Number(isLikelyHere(a)));
    for (const user of rest) {
      const full = await this.#fullUser(user.userId);
      unread.delete(user.userId);
      const macs = [...new Set([...(full?.macs ?? []), ...user.macs])];
      if (macs.length > 0) yield this.#batch(true, [{ ...user, macs }], unread.size);
    }
  }

  async *changes(since: Date): AsyncGenerator<KnownDevicesBatch, void, undefined> {
    const changed = new Map<number, UserRecord | null>();
    const nobodys = new OwnedDevices();
    for await (const page of this.#changed(since, USERS, userRecord, 'User')) {
      for (const user of page) changed.set(user.Id, user);
      if (changed.size > MAX_CHANGES) return yield* this.everything();
    }
    const note = (page: readonly { UserId: number | null }[]) => {
      for (const { UserId } of page) if (UserId !== null && !changed.has(UserId)) changed.set(UserId, null);
      return changed.size > MAX_CHANGES;
    };
    for await (const page of this.#changed(since, DEVICES, registeredDeviceRecord, 'RegisteredDevice')) {
      nobodys.add(page.filter(({ UserId }) => UserId === null));
      if (note(page)) return yield* this.everything();
    }
    for await (const page of this.#changed(since, COWORKERS, coworkerRecord, 'Coworker')) {
      if (note(page)) return yield* this.everything();
    }
    let unread = changed.size;
    yield this.#batch(false, nobodys.withoutUser(changed), unread);
    for (const [userId, user] of changed) yield this.#batch(false, [await this.#whole(userId, user)], --unread);
  }

  /**
   * The records of a list that changed since. The list begins, whatever its zone, not after the earliest record that it shows: if that
   * one is an hour after the time that was asked for, no more than an hour is lost to the zone. So long lists soon get shorter.
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

  /** A user put together from the three lists. */
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

  /** The MACs in a listed user's Devices; null when only the full record can tell. */
  #typedMacs({ Id, Devices, UpdatedOn }: UserRecord): readonly MacAddress[] | null {
    if (Devices !== null) return macsIn(Devices);
    const read = this.#fullReads.get(Id);
    return read !== undefined && read.updatedOn === UpdatedOn ? read.macs : null;
  }

  /** The complete record; null when the user is gone. */
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
    return readPages(this.#get, path, record, { role, query });
  }

  /** `client.get` at this reading's pace, and with patience when Nexudus asks to wait. */
  readonly #get: Get = async (path, schema, options: CallOptions) => {
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

/** UpdatedOn as ms since the epoch; null when it does not say in which zone it is. */
function timeOf(updatedOn: string | null): number | null {
  if (updatedOn === null || !/(?:Z|[+-]\d\d:?\d\d)$/i.test(updatedOn)) return null;
  const time = Date.parse(updatedOn);
  return Number.isNaN(time) ? null : time;
}

/** A known user whose coworker is still looked for. */
type Draft = KnownUser & { coworker: KnownCoworker | null };

function draft(
  { Id, FullName, Active }: Pick<UserRecord, 'Id' | 'FullName' | 'Active'>,
  macs: readonly MacAddress[],
): Draft {
  return { userId: Id, name: FullName ?? `user ${Id}`, active: Active ?? true, coworker: null, macs };
}

/** Gives a user this coworker unless the one already there is as good. Nobody is taken for inactive unless Nexudus says so. */
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

/** Registered devices whose DeviceId is a MAC, by user. Inactive ones count: they are somebody's all the same. */
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

  /** The owners that are not among `users`: devices of nobody, and of users that the list does not show. */
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
