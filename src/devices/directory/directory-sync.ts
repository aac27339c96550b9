// Keeps the directory up to date: a snapshot at the start, then a whole reading of Nexudus, then readings of changes.
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

/** Only a whole reading notices what was deleted. There is one after this time at the latest, ... */
const MAX_BETWEEN_FULL_MS = 6 * 3_600_000;
/** ... and sooner if it takes less than this part of the time. */
const FULL_READING_SHARE = 1 / 50;
/**
 * An owner who is missing from a whole reading may still exist, because a deletion while the pages are read hides another owner. So
 * only an owner who is missing from two in a row is forgotten, and the second may take up to this part of the time. While Nexudus can
 * be read, a deletion is noticed after at most 6 h, eight times the length of a whole reading, and two refreshes.
 */
const SECOND_READING_SHARE = 1 / 5;
const FIRST_RETRY_MS = 5_000;
const LOGIN_RETRY_MS = 60_000;
/** A directory that was read at most this long ago is fresh: it may be asked before posting. */
const FRESH_MS = 30_000;
/** `freshen` returns after this time at the latest, because the outbox gives a deliverer only 30 s for an entry. */
const FRESHEN_WITHIN_MS = 15_000;
/** After a snapshot, the first reading asks only for changes. A whole reading is due after this time. */
const FIRST_FULL_AFTER_MS = 1_000;
/** Nexudus is asked at most once in this time, however often `freshen` is called. */
const FRESHEN_EVERY_MS = 5_000;
/** The same trouble is logged once in this time. */
const LOG_AGAIN_MS = 60_000;

export interface DirectorySyncOptions {
  readonly client: NexudusClient;
  readonly directory: Directory;
  readonly snapshot: DirectorySnapshot | null;
  readonly refreshMs: number;
  readonly log: Logger;
  /** Called when the directory was loaded for the first time. */
  readonly onLoaded: () => void;
  /** Called after each reading that changed the directory, or may have. */
  readonly onRead?: () => void;
  /**
   * Called once, after `onLoaded`, when the directory is as good as it can be now: read from Nexudus, or from the snapshot alone if
   * reading Nexudus failed. Delivery may begin then.
   */
  readonly onCurrent: () => void;
  readonly pace?: Pace;
  /** For tests, in place of 30 s and 15 s: how old a fresh directory may be, and how long `freshen` may take. */
  readonly freshMs?: number;
  readonly freshenWithinMs?: number;
}

/**
 * How reliable the directory is, before a report that has waited is posted. `being-read`: Nexudus is still being read, so nothing may
 * be posted yet. `last-known`: Nexudus was asked just now, and the reading failed.
 */
export type Freshness = 'fresh' | 'being-read' | 'last-known';

export interface DirectoryStatus {
  /** When the directory was last read from Nexudus, ms since the epoch; null when never. */
  readonly readAtMs: number | null;
  /** Why the latest reading failed; null when it did not. */
  readonly failure: string | null;
  readonly devices: number;
}

export class DirectorySync {
  private readonly abort = new AbortController();
  private readonly fullReads: FullReads = new Map();
  private readonly rangeMargins: RangeMargins = new Map();
  /** Owners that were missing from the latest whole reading. */
  private missing = new Set<number>();
  private isCurrent = false;
  /** A change is missing from the snapshot, so it must be written whole the next time. */
  private isSnapshotBehind = false;
  private readAt: Date | null = null;
  private failure: string | null = null;
  private failures = 0;
  private loggedMs = Number.NEGATIVE_INFINITY;
  private nextFullMs = 0;
  private running: Promise<void> | undefined;
  /** Steady time at which the latest reading began. */
  private triedMs = Number.NEGATIVE_INFINITY;
  /** Steady time until which the directory is fresh. */
  private freshUntilMs = Number.NEGATIVE_INFINITY;
  private isReading = false;
  /** The latest reading failed because Nexudus refused it, perhaps because a role is missing. Posts may still work. */
  private isRefused = false;
  /** `freshen` waits for the next reading. It then reads changes, which is quicker than a whole reading. */
  private isAwaited = false;
  /** Ends the wait for the next reading. */
  private wake = new AbortController();
  /** Resolves when the current or the next reading has ended, also if it failed. */
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
   * Reads changes, unless the directory is fresh. If a whole reading is under way, which can take many minutes, this waits for it,
   * and then reads the changes made meanwhile. Returns after 15 s at the latest, and may be called again. Never rejects.
   */
  async freshen(): Promise<Freshness> {
    const askedMs = performance.now();
    const untilMs = askedMs + (this.options.freshenWithinMs ?? FRESHEN_WITHIN_MS);
    for (let nowMs = askedMs; nowMs < untilMs && !this.abort.signal.aborted; nowMs = performance.now()) {
      if (nowMs < this.freshUntilMs) return 'fresh';
      if (!this.isReading) {
        if (this.triedMs >= askedMs && this.failure !== null) return 'last-known';
        // Nexudus is asked every 5 s at most. If it was away at the latest reading it may be back, so nothing is posted before it was
        // asked again.
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
      // The changes since are read first, which is quick. Then comes a whole reading.
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
      // A device that was registered during a long whole reading may be missing from it.
      this.freshUntilMs = (isFull ? began : ended) + (this.options.freshMs ?? FRESH_MS);
      const level = directory.loaded && !isFull ? 'debug' : 'info';
      log[level]({ devices: directory.size, changed, whole: isFull }, 'directory read from Nexudus');
      this.loaded();
      if (changed > 0) this.options.onRead?.();
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

  /** Called after a whole reading: forgets owners who are missing for the second time. */
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

/** Returns the owner of this user's devices. */
export function ownerOf({ userId, name, active, coworker }: KnownUser): Owner {
  if (coworker === null) return { kind: 'staff', userId, name };
  const status = coworker.archived ? 'archived' : coworker.active && active ? 'active' : 'inactive';
  return { kind: 'coworker', id: coworker.id, name: coworker.name, status };
}

/** Yields the directory as users of Nexudus, for the snapshot. */
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
