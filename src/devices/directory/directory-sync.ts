// Keeps the directory like Nexudus: a snapshot at the start, then a whole reading, then what has changed.
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type NexudusClient, NexudusError } from '../../nexudus/client.js';
import {
  type FullReads,
  type KnownUser,
  type Pace,
  type RangeMargins,
  readKnownDevices,
} from '../../nexudus/known-devices.js';
import type { Directory, Owner } from './directory.js';
import type { DirectorySnapshot } from './directory-snapshot.js';

/** Only a whole reading notices what was deleted: it is made anew after this long at the latest ... */
const MAX_BETWEEN_FULL_MS = 6 * 3_600_000;
/** ... and sooner where it takes less than this part of the time. */
const FULL_READING_SHARE = 1 / 50;
/**
 * An owner missing from one whole reading may still be there: a deletion while the pages are read pushes somebody else out of sight.
 * Only who is missing from two in a row is forgotten, and the second one takes up to this part of the time. So while Nexudus can be
 * read a deletion is noticed 6 h, eight times what a whole reading takes, and two refreshes after it was made at the latest.
 */
const SECOND_READING_SHARE = 1 / 5;
const FIRST_RETRY_MS = 5_000;
const LOGIN_RETRY_MS = 60_000;
/** A directory that was read this long ago is up to date enough to be asked before posting. */
const FRESH_MS = 30_000;
/** Who wants it fresher is told after this long that it is still being read: the outbox lends an entry for 30 s only. */
const FRESHEN_WITHIN_MS = 15_000;
/** With a snapshot the first reading asks for changes alone; those that begin later than this are due for a whole one. */
const FIRST_FULL_AFTER_MS = 1_000;
/** However many ask, Nexudus is asked this often at most. */
const FRESHEN_EVERY_MS = 5_000;
/** The same trouble is logged once in this time. */
const LOG_AGAIN_MS = 60_000;

export interface DirectorySyncOptions {
  readonly client: NexudusClient;
  readonly directory: Directory;
  readonly snapshot: DirectorySnapshot | null;
  readonly refreshMs: number;
  readonly log: Logger;
  /** The directory was loaded for the first time. */
  readonly onLoaded: () => void;
  /**
   * Called once, after `onLoaded`: the directory is as good as it can be had now, read from Nexudus, or from the snapshot alone after
   * an attempt to read Nexudus failed. What the snapshot cannot know yet (a device registered while the sensor was off) is no longer
   * worth waiting for.
   */
  readonly onCurrent: () => void;
  readonly pace?: Pace;
  /** How old is fresh, and how long `freshen` waits, in place of 30 s and 15 s: for tests. */
  readonly freshMs?: number;
  readonly freshenWithinMs?: number;
}

/**
 * How far the directory can be relied on before a report that has waited is posted. `being-read`: who knows better is still being
 * asked, so nothing may be posted yet. `last-known`: Nexudus was asked just now and would not say.
 */
export type Freshness = 'fresh' | 'being-read' | 'last-known';

export interface DirectoryStatus {
  /** When the directory was last like Nexudus, ms since the epoch; null when never. */
  readonly readAtMs: number | null;
  /** Why the latest reading failed; null when it did not. */
  readonly failure: string | null;
  readonly devices: number;
}

export class DirectorySync {
  private readonly abort = new AbortController();
  private readonly fullReads: FullReads = new Map();
  private readonly rangeMargins: RangeMargins = new Map();
  /** Owners that the latest whole reading did not show. */
  private missing = new Set<number>();
  private isCurrent = false;
  /** The snapshot missed a change, so the next write must be a whole one. */
  private isSnapshotBehind = false;
  private readAt: Date | null = null;
  private failure: string | null = null;
  private failures = 0;
  private loggedMs = Number.NEGATIVE_INFINITY;
  private nextFullMs = 0;
  private running: Promise<void> | undefined;
  /** Steady time at which the latest reading began. */
  private triedMs = Number.NEGATIVE_INFINITY;
  /** Steady time until which the directory counts as fresh. */
  private freshUntilMs = Number.NEGATIVE_INFINITY;
  private isReading = false;
  /** The latest reading failed because Nexudus refused it: a role is missing, say. Posts may work all the same. */
  private isRefused = false;
  /** Somebody waits for the next reading: changes, which are read soon, go before a whole reading. */
  private isAwaited = false;
  /** Ends the wait for the next reading. */
  private wake = new AbortController();
  /** Resolves when the reading that is under way, or comes next, has ended well or not. */
  private reading = withResolvers();

  constructor(private readonly options: DirectorySyncOptions) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.abort.abort();
    await this.running;
  }

  status(): DirectoryStatus {
    return { readAtMs: this.readAt?.getTime() ?? null, failure: this.failure, devices: this.options.directory.size };
  }

  private async run(): Promise<void> {
    await this.loadSnapshot();
    while (!this.abort.signal.aborted) {
      const waitMs = await this.refresh();
      this.wake = new AbortController();
      if (!this.abort.signal.aborted) this.current();
      const { resolve } = this.reading;
      this.reading = withResolvers();
      resolve();
      const signal = AbortSignal.any([this.abort.signal, this.wake.signal]);
      await delay(waitMs, undefined, { signal }).catch(() => {});
    }
  }

  /**
   * Reads what has changed, unless that was done a moment ago. If a whole reading is under way, which can take many minutes, it is
   * waited for, and then the changes made meanwhile are read. Returns after 15 s at the latest, to be called again if need be. Never
   * rejects.
   */
  async freshen(): Promise<Freshness> {
    const askedMs = performance.now();
    const untilMs = askedMs + (this.options.freshenWithinMs ?? FRESHEN_WITHIN_MS);
    for (let nowMs = askedMs; nowMs < untilMs && !this.abort.signal.aborted; nowMs = performance.now()) {
      if (nowMs < this.freshUntilMs) return 'fresh';
      if (!this.isReading) {
        if (this.triedMs >= askedMs && this.failure !== null) return 'last-known';
        // However many ask, Nexudus is asked every 5 s at most. If it was away a moment ago it may be back: nothing is posted without
        // having asked it.
        if (nowMs - this.triedMs < FRESHEN_EVERY_MS && this.failure !== null)
          return this.isRefused ? 'last-known' : 'being-read';
        this.isAwaited = true;
        this.wake.abort();
      }
      await Promise.race([this.reading.promise, delay(untilMs - nowMs, undefined, { ref: false })]);
    }
    return 'being-read';
  }

  private async loadSnapshot(): Promise<void> {
    const { snapshot, directory, log } = this.options;
    if (snapshot === null) return;
    try {
      const readAt = await snapshot.load((user) => register(directory, user), this.fullReads);
      if (readAt === null) return;
      this.readAt = readAt;
      // What changed since is soon read, and then the directory is current; the whole reading comes next.
      this.nextFullMs = performance.now() + FIRST_FULL_AFTER_MS;
      log.info(
        { devices: directory.size, readAt: readAt.toISOString() },
        'directory loaded from the snapshot in Redis',
      );
      this.loaded();
    } catch (error) {
      log.warn({ cause: messageOf(error) }, 'the snapshot of the directory cannot be read; waiting for Nexudus');
    }
  }

  /** Reads once. Returns how long to wait before the next reading, ms. */
  private async refresh(): Promise<number> {
    const { refreshMs, log, directory } = this.options;
    const began = performance.now();
    this.triedMs = began;
    const isFullDue = began >= this.nextFullMs;
    const since = isFullDue && !this.isAwaited ? null : this.readAt;
    this.isAwaited = false;
    this.isReading = true;
    try {
      const { isFull, changed } = await this.read(since);
      const ended = performance.now();
      if (isFull) {
        const share = this.missing.size > 0 ? SECOND_READING_SHARE : FULL_READING_SHARE;
        this.nextFullMs = ended + Math.min(MAX_BETWEEN_FULL_MS, (ended - began) / share);
      }
      if (this.failure !== null) log.info('the directory can be read from Nexudus again');
      this.failure = null;
      this.failures = 0;
      // What was registered while a long whole reading went on may have been read too early.
      this.freshUntilMs = (isFull ? began : ended) + (this.options.freshMs ?? FRESH_MS);
      const level = directory.loaded && !isFull ? 'debug' : 'info';
      log[level]({ devices: directory.size, changed, whole: isFull }, 'directory read from Nexudus');
      this.loaded();
      return isFullDue && !isFull ? Math.min(refreshMs, FIRST_RETRY_MS) : refreshMs;
    } catch (error) {
      if (this.abort.signal.aborted) return 0;
      return this.fail(error);
    } finally {
      this.isReading = false;
    }
  }

  private async read(since: Date | null): Promise<{ isFull: boolean; changed: number }> {
    const { client, directory, pace } = this.options;
    const seen = new Set<number>();
    const changes: KnownUser[] = [];
    let isFull = false;
    let changed = 0;
    let startedAt = new Date();
    const reading = readKnownDevices(client, {
      since,
      signal: this.abort.signal,
      fullReads: this.fullReads,
      rangeMargins: this.rangeMargins,
      ...(pace === undefined ? {} : { pace }),
      onThrottled: (waitMs) => this.options.log.debug({ waitMs }, 'Nexudus asks the directory reading to wait'),
    });
    for await (const batch of reading) {
      isFull = batch.full;
      startedAt = batch.startedAt;
      for (const user of batch.users) {
        register(directory, user);
        this.missing.delete(user.userId);
        changed++;
        if (isFull) seen.add(user.userId);
        else changes.push(user);
      }
    }
    if (isFull) this.forgetMissing(seen);
    this.readAt = startedAt;
    await this.keep(isFull, changes, startedAt);
    return { isFull, changed };
  }

  /** The end of a whole reading, by which deleted owners are noticed. */
  private forgetMissing(seen: ReadonlySet<number>): void {
    const { directory } = this.options;
    const missing = new Set<number>();
    for (const { userId } of directory.entries()) {
      if (seen.has(userId)) continue;
      if (this.missing.has(userId)) directory.forget(userId);
      else missing.add(userId);
    }
    this.missing = missing;
  }

  private async keep(isFull: boolean, changes: readonly KnownUser[], readAt: Date): Promise<void> {
    const { snapshot, directory, log } = this.options;
    if (snapshot === null) return;
    try {
      const isUpdated = !isFull && !this.isSnapshotBehind && (await snapshot.update(changes, readAt));
      if (!isUpdated) await snapshot.replace(knownUsers(directory), this.fullReads, readAt);
      this.isSnapshotBehind = false;
    } catch (error) {
      this.isSnapshotBehind = true;
      log.debug({ cause: messageOf(error) }, 'the snapshot of the directory cannot be written');
    }
  }

  private loaded(): void {
    const { directory, onLoaded } = this.options;
    if (directory.loaded) return;
    directory.loaded = true;
    onLoaded();
  }

  private current(): void {
    const { directory, onCurrent } = this.options;
    if (this.isCurrent || !directory.loaded) return;
    this.isCurrent = true;
    onCurrent();
  }

  private fail(error: unknown): number {
    const { log, refreshMs, directory } = this.options;
    const isNew = this.failure === null;
    this.failure = messageOf(error);
    this.isRefused = error instanceof NexudusError && ['unauthorised', 'rejected'].includes(error.failure.kind);
    const now = performance.now();
    if (isNew || now - this.loggedMs >= LOG_AGAIN_MS) {
      this.loggedMs = now;
      const meanwhile = directory.loaded ? 'the last known directory is used' : 'visits stay pending until it can';
      log.warn({ cause: this.failure }, `the directory cannot be read from Nexudus; ${meanwhile}`);
    }
    const isLogin = error instanceof NexudusError && ['login-refused', 'unauthorised'].includes(error.failure.kind);
    const retryMs = isLogin ? LOGIN_RETRY_MS : FIRST_RETRY_MS * 2 ** Math.min(this.failures, 6);
    this.failures++;
    return Math.min(retryMs, Math.max(refreshMs, FIRST_RETRY_MS)) * (0.75 + Math.random() / 2);
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

function register(directory: Directory, user: KnownUser): void {
  directory.register(user.userId, ownerOf(user), user.macs);
}

/** Who owns the devices of this user, as the directory puts it. */
export function ownerOf({ userId, name, active, coworker }: KnownUser): Owner {
  if (coworker === null) return { kind: 'staff', userId, name };
  const status = coworker.archived ? 'archived' : coworker.active && active ? 'active' : 'inactive';
  return { kind: 'coworker', id: coworker.id, name: coworker.name, status };
}

/** The directory in the shape in which Nexudus's users come, for the snapshot. */
function* knownUsers(directory: Directory): Generator<KnownUser> {
  for (const { userId, owner, macs } of directory.entries()) {
    if (owner.kind === 'local') continue;
    const coworker =
      owner.kind === 'staff'
        ? null
        : {
            id: owner.id,
            name: owner.name,
            active: owner.status !== 'inactive',
            archived: owner.status === 'archived',
          };
    yield { userId, name: owner.name, active: true, coworker, macs };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
