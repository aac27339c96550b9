// Delivers one failed check-in: asks the directory again, searches when an earlier try may have arrived, posts, and says
// what to do next. How entries wait is the outbox's business.
import { NexudusError, type NexudusFailure } from '../nexudus/client.js';
import type { FailedCheckin } from '../nexudus/failed-checkin.js';
import type { Deliver, OutboxEntry, Outcome } from './outbox.js';

const SHORTEST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** While Nexudus refuses the login it is tried this often. */
const LOGIN_PAUSE_MS = 60_000;
/** After so many server errors in a row for the same entry the entry, not the API, is the likely cause. */
const TRIES_BEFORE_PUT_BACK = 3;

export interface DeliveryEdges {
  /** Makes the record; answers its id. */
  post(checkin: FailedCheckin): Promise<number>;
  /** The id of the record that an earlier try made, null when there is none. */
  find(checkin: FailedCheckin): Promise<number | null>;
  /** Why the device need not be reported any more; null when it still must be. */
  notNeeded(entry: OutboxEntry): string | null;
  random?: () => number;
}

/** A delivery: `deliver` for the outbox, and what it last met, for health. */
export function createDelivery(edges: DeliveryEdges): Deliver {
  const random = edges.random ?? Math.random;
  let failuresInARow = 0;
  let blocking: { id: string; tries: number } | null = null;

  function pause(reason: string): Outcome {
    const longest = Math.min(LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS * 2 ** Math.min(failuresInARow, 10));
    failuresInARow++;
    return { kind: 'pause', ms: Math.round(longest * (0.5 + random() / 2)), reason };
  }

  function afterFailure(entry: OutboxEntry, failure: NexudusFailure): Outcome {
    switch (failure.kind) {
      case 'throttled':
        return { kind: 'pause', ms: failure.retryAfterMs ?? LONGEST_PAUSE_MS / 2, reason: 'Nexudus asks to wait' };
      case 'login-refused':
        return { kind: 'pause', ms: LOGIN_PAUSE_MS, reason: `Nexudus refuses the login: ${failure.message}` };
      case 'unauthorised':
        return {
          kind: 'pause',
          ms: LOGIN_PAUSE_MS,
          reason: `the account may not do this (role FailedCheckin-Create): ${failure.message}`,
        };
      case 'rejected':
        return { kind: 'refused', reason: failure.messages.join('; ') };
      case 'unavailable':
      case 'unexpected': {
        if (!failure.mayHaveArrived) return pause(failure.message);
        const tries: number = blocking?.id === entry.id ? blocking.tries + 1 : 1;
        blocking = { id: entry.id, tries };
        return tries >= TRIES_BEFORE_PUT_BACK ? { kind: 'put-back', reason: failure.message } : pause(failure.message);
      }
    }
  }

  return async (entry, markSent) => {
    const reason = edges.notNeeded(entry);
    if (reason !== null && !entry.sent) return { kind: 'not-needed', reason };
    try {
      if (entry.sent) {
        const recordId = await edges.find(entry.checkin);
        if (recordId !== null) return { kind: 'found', recordId };
        if (reason !== null) return { kind: 'not-needed', reason };
      }
      await markSent(true);
      const recordId = await edges.post(entry.checkin);
      failuresInARow = 0;
      blocking = null;
      return { kind: 'posted', recordId };
    } catch (error) {
      if (!(error instanceof NexudusError)) throw error;
      const { failure } = error;
      if (!entry.sent && !mayHaveArrived(failure)) await markSent(false);
      return afterFailure(entry, failure);
    }
  };
}

function mayHaveArrived(failure: NexudusFailure): boolean {
  return (failure.kind === 'unavailable' || failure.kind === 'unexpected') && failure.mayHaveArrived;
}
