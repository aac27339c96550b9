// Delivers a report: asks the directory again, searches when an earlier attempt may have arrived, posts, and returns what to do next.
// The outbox does the waiting.
import { NexudusError, type NexudusFailure } from '../nexudus/client.js';
import { type FailedCheckin, failedCheckinBody } from '../nexudus/failed-checkin.js';
import type { Plan } from '../nexudus/plan.js';
import type { Awaitable } from '../visits/register/visit-register.js';
import { type Claim, type DayBudget, untilNextDayMs } from './day-budget.js';
import { AWAITS_PROOF, type Deliver, type Outcome } from './outbox.js';
import { Refusals } from './refusals.js';
import type { Report } from './report.js';

/** Waiting times, ms. */
export interface Patience {
  /** While Nexudus cannot be reached, or fails: doubles from the first to the longest, jittered. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** While it refuses the login, or all reports of a location. */
  readonly loginPauseMs: number;
  /** While there is no directory to ask. */
  readonly directoryPauseMs: number;
  /** Between a post that was not answered and the search for it. */
  readonly searchAfterMs: number;
  /** All that belongs to one post: reading a plan, logging in, posting, and posting again with another token. */
  readonly postWithinMs: number;
}

export const PATIENCE: Patience = {
  firstPauseMs: 1_000,
  longestPauseMs: 60_000,
  loginPauseMs: 60_000,
  directoryPauseMs: 5_000,
  searchAfterMs: 30_000,
  // The outbox lends a report for 30 s: a sensor that lost Redis has given its post up before another takes the report over.
  postWithinMs: 25_000,
};
/** How long to wait when Nexudus does not say it. Its limits are per minute. */
const THROTTLED_PAUSE_MS = 30_000;
/** How soon a new day is noticed. */
const USED_UP_PAUSE_MS = 300_000;
/** If a report has waited this long, somebody may have registered the device meanwhile. Until then its decision is fresh. */
const WAITED_LONG_MS = 30_000;
/** If so many different reports in a row failed, the API is the likely cause; after so many pauses for one report it is the report. */
const MANY_FAILED = 2;
const TRIES_BEFORE_PUT_BACK = 3;

export type Recheck =
  | { readonly kind: 'report' }
  | { readonly kind: 'not-needed'; readonly reason: string }
  | { readonly kind: 'wait'; readonly reason: string };

export interface DeliveryEdges {
  /** Makes the record and returns its id. Rejects with the signal's reason when that is aborted. */
  post(checkin: FailedCheckin, signal: AbortSignal): Promise<number>;
  /** Returns the id of the record that an earlier attempt made; null when there is none. */
  find(checkin: FailedCheckin): Promise<number | null>;
  /**
   * Brings the directory up to date before a report that has waited is posted; never rejects. Returns soon: while the directory is
   * `being-read`, however long, nothing that has waited is posted. If Nexudus will not be read, the directory as it was last known
   * must do: where only a role for reading is missing, posting works.
   */
  freshen?(): Promise<'fresh' | 'being-read' | 'last-known'>;
  /** Asks the directory and the labels again: whether to report, not to report, or to wait because there is no directory. */
  recheck(report: Report): Awaitable<Recheck>;
  /** Reads the plan and the teams of an inactive coworker, for a report about a device of theirs. */
  readPlan(coworkerId: number, signal: AbortSignal): Promise<Plan>;
  /** Whether Nexudus takes this sensor's login, when it has just refused a report; never rejects. Left out: it does. */
  isLoginGood?(): Promise<boolean>;
  /** Takes one post out of the day's number. */
  readonly claimPost?: DayBudget['claim'];
  readonly patience?: Patience;
}

/** Returns the function that delivers. It counts failures in a row, so it must be the same for all reports. */
export function createDelivery(edges: DeliveryEdges): Deliver {
  const delivery = new Delivery(edges);
  return (report, markSent, addedMs) => delivery.deliver(report, markSent, addedMs);
}

type MarkSent = Parameters<Deliver>[1];

class Delivery {
  private readonly patience: Patience;
  private readonly refusals: Refusals;
  /** Pauses since the latest success. */
  private pauses = 0;
  /** Reports that failed since then, although Nexudus was asked. */
  private readonly failed = new Set<string>();
  private blocking: { id: string; tries: number } | null = null;

  constructor(private readonly edges: DeliveryEdges) {
    this.patience = edges.patience ?? PATIENCE;
    this.refusals = new Refusals(this.patience.loginPauseMs);
  }

  async deliver(report: Report, markSent: MarkSent, addedMs: number): Promise<Outcome> {
    const { edges } = this;
    const hasWaited = Date.now() - addedMs > WAITED_LONG_MS;
    if (hasWaited && (await edges.freshen?.()) === 'being-read') return this.waitFor('the directory is being read');
    const recheck = await edges.recheck(report);
    if (recheck.kind === 'wait') return this.waitFor(recheck.reason);
    if (recheck.kind === 'not-needed' && !report.sent) return recheck;
    const closed = this.refusals.closed(report.businessId);
    if (closed !== null) return { kind: 'put-back', reason: closed.reason, leastMs: closed.ms, isRefused: true };
    try {
      if (report.sent) {
        const found = await edges.find(failedCheckinBody(report)).catch((error) => this.afterSearch(report, error));
        if (typeof found === 'number') return this.succeed(report, { kind: 'found', recordId: found });
        if (found !== null) return found;
        if (recheck.kind === 'not-needed') return recheck;
      }
      return await this.post(report, markSent);
    } catch (error) {
      if (error instanceof NexudusError) return await this.afterFailure(report, error.failure);
      throw error;
    }
  }

  private async post(report: Report, markSent: MarkSent): Promise<Outcome> {
    const { edges, patience } = this;
    const signal = AbortSignal.timeout(patience.postWithinMs);
    const checkin = await this.bodyOf(report, signal);
    if ('kind' in checkin) return checkin;
    // The search and the reading of the plan took time.
    if (report.sent || report.inactive !== null) {
      const recheck = await edges.recheck(report);
      if (recheck.kind === 'not-needed') return recheck;
      if (recheck.kind === 'wait') return this.waitFor(recheck.reason);
    }
    const claim = (await edges.claimPost?.(report.proven)) ?? null;
    if (claim !== null && claim.claimed !== 'granted') return afterClaim(claim.claimed);
    try {
      await markSent(true);
    } catch (error) {
      await claim?.giveBack();
      throw error;
    }
    try {
      return this.succeed(report, { kind: 'posted', recordId: await edges.post(checkin, signal) });
    } catch (error) {
      if (signal.aborted) return this.afterDoubtful(report, this.lateReason('the post'), patience.searchAfterMs);
      if (!(error instanceof NexudusError)) throw error;
      const { failure } = error;
      if (!mayHaveArrived(failure)) {
        await claim?.giveBack();
        // A report that was sent before stays marked, because a search costs little.
        if (!report.sent) await markSent(false);
      } else if (hasNoAnswer(failure)) return this.afterDoubtful(report, error.message, patience.searchAfterMs);
      return await this.afterFailure(report, failure);
    }
  }

  /** If plan and teams cannot be read, the report is sent without them. */
  private async bodyOf(report: Report, signal: AbortSignal): Promise<FailedCheckin | Outcome> {
    if (report.inactive === null) return failedCheckinBody(report);
    try {
      return failedCheckinBody(report, await this.edges.readPlan(report.inactive.coworkerId, signal));
    } catch (error) {
      if (signal.aborted) return this.afterDoubtful(report, this.lateReason('reading a plan'));
      const isFinal = error instanceof NexudusError && ['rejected', 'unauthorised'].includes(error.failure.kind);
      if (isFinal) return failedCheckinBody(report);
      throw error;
    }
  }

  /** What follows when the search for an earlier try failed. */
  private async afterSearch(report: Report, error: unknown): Promise<Outcome> {
    if (!(error instanceof NexudusError)) throw error;
    // Nexudus refuses the search, not the check-in. Others are delivered first, and the search is tried again.
    if (error.failure.kind === 'rejected') return { kind: 'put-back', reason: error.message };
    return await this.afterFailure(report, error.failure);
  }

  private async afterFailure(report: Report, failure: NexudusFailure): Promise<Outcome> {
    const { patience } = this;
    switch (failure.kind) {
      case 'throttled':
        return { kind: 'pause', ms: failure.retryAfterMs ?? THROTTLED_PAUSE_MS, reason: 'Nexudus asks to wait' };
      case 'login-refused':
        return {
          kind: 'pause-own',
          ms: patience.loginPauseMs,
          reason: `Nexudus refuses the login: ${failure.message}`,
        };
      case 'unauthorised': {
        // With an expired access token every report is refused, so the report is not the cause.
        const isLoginGood = (await this.edges.isLoginGood?.()) ?? true;
        if (!isLoginGood) return { kind: 'pause-own', ms: patience.loginPauseMs, reason: failure.message };
        this.refusals.add(report, failure.message);
        return { kind: 'put-back', reason: failure.message, isRefused: true };
      }
      case 'rejected':
        // Only with a 400 Nexudus rejects this very check-in. Other refusals (a wrong path, a proxy's answer, a 200 that says it
        // failed) may end by themselves, so the report is kept.
        if (failure.status === 400) return { kind: 'refused', reason: failure.messages.join('; ') };
        return this.afterDoubtful(report, failure.messages.join('; '));
      case 'unavailable':
      case 'unexpected':
        if (failure.mayHaveArrived) return this.afterDoubtful(report, failure.message);
        // Perhaps only this sensor cannot reach Nexudus.
        return { kind: 'pause-own', ms: this.nextPauseMs(), reason: failure.message };
    }
  }

  /**
   * A failure of the API or of this report. The first time the others go ahead. If they fail as well, the API is the cause, and all
   * wait in their order; but for one report no more than a few times. `leastMs`: if the post was not answered it may still be on its
   * way: a search at once would find nothing, and a second post would make a second record.
   */
  private afterDoubtful(report: Report, reason: string, leastMs = 0): Outcome {
    if (this.failed.size < MANY_FAILED) this.failed.add(report.id);
    if (this.failed.size < MANY_FAILED) return { kind: 'put-back', reason, leastMs };
    this.blocking = { id: report.id, tries: this.blocking?.id === report.id ? this.blocking.tries + 1 : 1 };
    if (this.blocking.tries >= TRIES_BEFORE_PUT_BACK) return { kind: 'put-back', reason, leastMs };
    return { kind: 'pause', ms: Math.max(leastMs, this.nextPauseMs()), reason };
  }

  private nextPauseMs(): number {
    const { firstPauseMs, longestPauseMs } = this.patience;
    const longest = Math.min(longestPauseMs, firstPauseMs * 2 ** Math.min(this.pauses, 10));
    this.pauses++;
    return Math.round(longest * (0.5 + Math.random() / 2));
  }

  private waitFor(reason: string): Outcome {
    return { kind: 'pause-own', ms: this.patience.directoryPauseMs, reason };
  }

  private lateReason(what: string): string {
    return `${what} took longer than ${Math.ceil(this.patience.postWithinMs / 1_000)} s`;
  }

  private succeed({ businessId }: Report, outcome: Outcome): Outcome {
    this.pauses = 0;
    this.failed.clear();
    this.blocking = null;
    this.refusals.clear(businessId);
    return outcome;
  }
}

/** The outcome when the day has no post left for this report. */
function afterClaim(claimed: Exclude<Claim['claimed'], 'granted'>): Outcome {
  switch (claimed) {
    case 'kept':
      return { kind: 'await-proof', ms: untilNextDayMs(), reason: AWAITS_PROOF };
    case 'used-up':
      return {
        kind: 'pause',
        ms: USED_UP_PAUSE_MS,
        reason: "today's number of posts is used up (NEXUDUS_POSTS_PER_DAY)",
      };
  }
}

/** Whether the request was sent and no whole answer came: a timeout, or a broken connection. */
function hasNoAnswer(failure: NexudusFailure): boolean {
  return failure.kind === 'unavailable' && failure.isUnanswered === true;
}

/** Whether the record may exist although the call failed. */
function mayHaveArrived(failure: NexudusFailure): boolean {
  if (failure.kind === 'rejected') return failure.status < 400;
  return (failure.kind === 'unavailable' || failure.kind === 'unexpected') && failure.mayHaveArrived;
}
