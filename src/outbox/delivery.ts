// Delivers one report: asks the directory again, searches when an earlier try may have arrived, posts, and says what to do next.
// How reports wait is the outbox's business.
import { NexudusError, type NexudusFailure } from '../nexudus/client.js';
import { type FailedCheckin, failedCheckinBody } from '../nexudus/failed-checkin.js';
import type { Plan } from '../nexudus/plan.js';
import type { Awaitable } from '../visits/register/visit-register.js';
import type { ClaimPost } from './daily-limit.js';
import type { Deliver, Outcome } from './outbox.js';
import type { Report } from './report.js';

/** How long is waited for what, ms. */
export interface Patience {
  /** While Nexudus cannot be reached: doubles from the first to the longest, jittered. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** While it refuses the login. */
  readonly loginPauseMs: number;
  /** While there is no directory to ask. */
  readonly directoryPauseMs: number;
  /** Between a post that was not answered and the search for it. */
  readonly searchAfterMs: number;
}

const PATIENCE: Patience = {
  firstPauseMs: 1_000,
  longestPauseMs: 60_000,
  loginPauseMs: 60_000,
  directoryPauseMs: 5_000,
  searchAfterMs: 30_000,
};
/** When Nexudus asks to wait without saying how long: its limits count by the minute. */
const THROTTLED_PAUSE_MS = 30_000;
/** How soon is looked whether a new day has begun. */
const DAILY_LIMIT_PAUSE_MS = 300_000;
/** If a report has waited this long, somebody may have registered the device meanwhile. Until then its decision is fresh. */
const WAITED_LONG_MS = 30_000;
/** After so many server errors in a row for one report, the report is the likely cause, not the API. */
const TRIES_BEFORE_PUT_BACK = 3;

export type Recheck =
  | { readonly kind: 'report' }
  | { readonly kind: 'not-needed'; readonly reason: string }
  | { readonly kind: 'wait'; readonly reason: string };

export interface DeliveryEdges {
  /** Makes the record and returns its id. */
  post(checkin: FailedCheckin): Promise<number>;
  /** The id of the record that an earlier try made; null when there is none. */
  find(checkin: FailedCheckin): Promise<number | null>;
  /**
   * Brings the directory up to date before a report that has waited is posted; never rejects. Returns soon: while the directory is
   * `being-read`, however long, nothing that has waited is posted. If Nexudus will not be read, the directory as it was last known
   * must do: where only a role for reading is missing, posting works.
   */
  freshen?(): Promise<'fresh' | 'being-read' | 'last-known'>;
  /** Asks the directory and the labels again: report it still, do not, or wait because there is nothing to ask. */
  recheck(report: Report): Awaitable<Recheck>;
  /** The plan and teams of an inactive coworker: read only when a report about one is posted. */
  readPlan(coworkerId: number): Promise<Plan>;
  /** Takes one post out of the day's number. */
  readonly claimPost?: ClaimPost;
  readonly patience?: Patience;
}

/** Makes the function that delivers; it remembers how often in a row the API failed, so make one for all reports. */
export function createDelivery(edges: DeliveryEdges): Deliver {
  const patience = edges.patience ?? PATIENCE;
  let failuresInARow = 0;
  let blocking: { id: string; tries: number } | null = null;

  function pause(reason: string): Outcome & { kind: 'pause' } {
    const longest = Math.min(patience.longestPauseMs, patience.firstPauseMs * 2 ** Math.min(failuresInARow, 10));
    failuresInARow++;
    return { kind: 'pause', ms: Math.round(longest * (0.5 + Math.random() / 2)), reason };
  }

  function afterFailure(report: Report, failure: NexudusFailure): Outcome {
    switch (failure.kind) {
      case 'throttled':
        return { kind: 'pause', ms: failure.retryAfterMs ?? THROTTLED_PAUSE_MS, reason: 'Nexudus asks to wait' };
      case 'login-refused':
        return { kind: 'pause', ms: patience.loginPauseMs, reason: `Nexudus refuses the login: ${failure.message}` };
      case 'unauthorised':
        return {
          kind: 'pause',
          ms: patience.loginPauseMs,
          reason: failure.message,
        };
      case 'rejected':
        // Only a 400 is Nexudus's verdict on this very check-in. Anything else (a wrong path, a proxy's answer, a 200 that
        // says it failed) may be mended on the other side, so nothing is dropped for it.
        if (failure.status === 400) return { kind: 'refused', reason: failure.messages.join('; ') };
        return afterDoubtful(report, failure.messages.join('; '));
      case 'unavailable':
      case 'unexpected':
        return failure.mayHaveArrived ? afterDoubtful(report, failure.message) : pause(failure.message);
    }
  }

  /**
   * The post may still be on its way: a search at once would find nothing, and a second post would make a second record. The first
   * time the other reports go ahead meanwhile. If they get no answer either, the API is the cause, and all wait in their order. If
   * only this report gets no answer, it is put back after three tries, so that the others do not wait for it.
   */
  function afterSilence(report: Report, reason: string): Outcome {
    const isFirst = failuresInARow === 0;
    const outcome = afterDoubtful(report, reason);
    if (isFirst || outcome.kind === 'put-back') return { kind: 'put-back', reason, leastMs: patience.searchAfterMs };
    return { ...outcome, ms: Math.max(outcome.ms, patience.searchAfterMs) };
  }

  /** A failure of the API or of this report: after a few tries the others go ahead. */
  function afterDoubtful(report: Report, reason: string): Outcome & { kind: 'pause' | 'put-back' } {
    blocking = { id: report.id, tries: blocking?.id === report.id ? blocking.tries + 1 : 1 };
    return blocking.tries >= TRIES_BEFORE_PUT_BACK ? { kind: 'put-back', reason } : pause(reason);
  }

  /** The id of the record that an earlier try made; an outcome when that cannot be told now; null when there is none. */
  async function search(report: Report): Promise<number | Outcome | null> {
    try {
      return await edges.find(failedCheckinBody(report));
    } catch (error) {
      if (!(error instanceof NexudusError)) throw error;
      const { failure } = error;
      // No verdict on the check-in itself, only on the question: the others go ahead, this one is asked about again.
      if (failure.kind === 'rejected' || failure.kind === 'unauthorised')
        return { kind: 'put-back', reason: error.message };
      return afterFailure(report, failure);
    }
  }

  /** If plan and teams cannot be had, the report goes without them: that is better than none. */
  async function bodyOf(report: Report): Promise<FailedCheckin> {
    if (report.inactive === null) return failedCheckinBody(report);
    try {
      return failedCheckinBody(report, await edges.readPlan(report.inactive.coworkerId));
    } catch (error) {
      const isFinal = error instanceof NexudusError && ['rejected', 'unauthorised'].includes(error.failure.kind);
      if (isFinal) return failedCheckinBody(report);
      throw error;
    }
  }

  async function post(report: Report, markSent: (sent: boolean) => Promise<void>): Promise<Outcome> {
    const checkin = await bodyOf(report);
    // The search and the reading of the plan took their time.
    if (report.sent || report.inactive !== null) {
      const recheck = await edges.recheck(report);
      if (recheck.kind === 'not-needed') return recheck;
      if (recheck.kind === 'wait') return { kind: 'pause', ms: patience.directoryPauseMs, reason: recheck.reason };
    }
    const claim = edges.claimPost === undefined ? null : await edges.claimPost();
    if (claim !== null && !claim.isGranted) {
      return {
        kind: 'pause',
        ms: DAILY_LIMIT_PAUSE_MS,
        reason: "today's number of posts is used up (NEXUDUS_POSTS_PER_DAY)",
      };
    }
    try {
      await markSent(true);
    } catch (error) {
      await claim?.giveBack();
      throw error;
    }
    try {
      return succeed({ kind: 'posted', recordId: await edges.post(checkin) });
    } catch (error) {
      if (!(error instanceof NexudusError)) throw error;
      const { failure } = error;
      if (!mayHaveArrived(failure)) {
        await claim?.giveBack();
        // A report that was sent before stays marked: a search costs little.
        if (!report.sent) await markSent(false);
      } else if (hasNoAnswer(failure)) return afterSilence(report, error.message);
      return afterFailure(report, failure);
    }
  }

  return async (report, markSent, addedMs) => {
    const hasWaited = Date.now() - addedMs > WAITED_LONG_MS;
    if (hasWaited && (await edges.freshen?.()) === 'being-read')
      return { kind: 'pause', ms: patience.directoryPauseMs, reason: 'the directory is being read' };
    const recheck = await edges.recheck(report);
    if (recheck.kind === 'wait') return { kind: 'pause', ms: patience.directoryPauseMs, reason: recheck.reason };
    if (recheck.kind === 'not-needed' && !report.sent) return recheck;
    try {
      if (report.sent) {
        const found = await search(report);
        if (typeof found === 'number') return succeed({ kind: 'found', recordId: found });
        if (found !== null) return found;
        if (recheck.kind === 'not-needed') return recheck;
      }
      return await post(report, markSent);
    } catch (error) {
      if (error instanceof NexudusError) return afterFailure(report, error.failure);
      throw error;
    }
  };

  function succeed(outcome: Outcome): Outcome {
    failuresInARow = 0;
    blocking = null;
    return outcome;
  }
}

/** Whether the request went out and nothing came back: a timeout, a connection that broke. */
function hasNoAnswer(failure: NexudusFailure): boolean {
  return failure.kind === 'unavailable' && failure.isUnanswered === true;
}

/** Whether the record may exist although the call failed. */
function mayHaveArrived(failure: NexudusFailure): boolean {
  if (failure.kind === 'rejected') return failure.status < 400;
  return (failure.kind === 'unavailable' || failure.kind === 'unexpected') && failure.mayHaveArrived;
}
