// A waiting report as JSON, as `outbox --json` prints it and the status API returns it.
import { type FailedCheckin, failedCheckinBody } from '../nexudus/failed-checkin.js';
import type { OutboxItem } from '../outbox/outbox.js';

export interface OutboxEntryJson {
  readonly type: 'entry';
  readonly id: string;
  readonly state: OutboxItem['state'];
  readonly added: string;
  readonly attempts: number;
  readonly reason: string | null;
  /** Whether the device has shown that it is real; those that have not go last. */
  readonly proven: boolean;
  readonly failedCheckin: FailedCheckin;
}

export function outboxEntryJson({ id, state, addedMs, attempts, reason, report }: OutboxItem): OutboxEntryJson {
  const added = new Date(addedMs).toISOString();
  const { proven } = report;
  return { type: 'entry', id, state, added, attempts, reason, proven, failedCheckin: failedCheckinBody(report) };
}
