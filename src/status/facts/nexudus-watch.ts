// The latest results of reads and posts at Nexudus, for health. The words contain nothing that was sent.
import type { NexudusFailure } from '../../nexudus/client.js';
import type { NexudusFacts } from './health.js';

const IN_WORDS: Record<NexudusFailure['kind'], string | null> = {
  // The API works in both cases: it asks to slow down, or refuses a single check-in, which stays in the outbox.
  throttled: null,
  rejected: null,
  'login-refused': 'Nexudus refuses the login (NEXUDUS_USERNAME, NEXUDUS_PASSWORD)',
  unauthorised: 'Nexudus refuses access: the account lacks a role ("wifi-monitor doctor" tells which)',
  unavailable: 'Nexudus cannot be reached',
  unexpected: 'Nexudus answers something unexpected',
};

export class NexudusWatch {
  private succeededMs: number | null = null;
  private readonly failures = new Map<'GET' | 'POST', string>();

  /** A call has ended. `failure` is null when it succeeded. */
  onCall(method: 'GET' | 'POST', failure: NexudusFailure | null): void {
    if (failure === null) this.succeededMs = performance.now();
    const words = failure === null ? null : IN_WORDS[failure.kind];
    if (words === null) this.failures.delete(method);
    else this.failures.set(method, `${method === 'GET' ? 'reading' : 'posting'}: ${words}`);
  }

  facts(): NexudusFacts {
    return {
      lastSuccessAgeMs: this.succeededMs === null ? null : performance.now() - this.succeededMs,
      failures: [...this.failures.values()],
    };
  }
}
