// Posts failed check-ins to Nexudus, and finds out whether one was posted before.
// API: POST and GET /api/spaces/failedcheckins.
import type { NexudusClient } from './client.js';
import type { FailedCheckin } from './failed-checkin.js';
import { macsIn } from './macs-in-text.js';
import { readPages } from './pages.js';
import { createdAnswer, type FailedCheckinRecord, failedCheckinRecord } from './schemas.js';

const PATH = '/api/spaces/failedcheckins';

/** Makes the record and returns its Id. A second post makes a second record, see findFailedCheckin. Role FailedCheckin-Create. */
export async function postFailedCheckin(
  client: NexudusClient,
  body: FailedCheckin,
  signal?: AbortSignal,
): Promise<number> {
  const { Value } = await client.post(PATH, body, createdAnswer, { role: 'FailedCheckin-Create', signal });
  return Value.Id;
}

const MINUTE_MS = 60_000;
/** Local time differs from UTC by at most 14 hours. */
const ANY_ZONE_MS = 15 * 3_600_000;

/**
 * Returns the Id of the record that an earlier post of this body made; null when there is none. Role FailedCheckin-List.
 *
 * Nexudus filters by the minute, in a time zone that is not documented. So if nothing is found in the minute, the hours around it are
 * searched too. Second and MAC are compared here, whatever the filters let through.
 */
export async function findFailedCheckin(
  client: NexudusClient,
  body: FailedCheckin,
  signal?: AbortSignal,
): Promise<number | null> {
  const atMs = Date.parse(body.CheckinAttemptTime);
  for (const marginMs of [MINUTE_MS, ANY_ZONE_MS]) {
    const query = {
      FailedCheckin_Business: body.BusinessId,
      FailedCheckin_MacAddresses: body.MacAddresses,
      from_FailedCheckin_CheckinAttemptTime: minute(atMs - marginMs),
      to_FailedCheckin_CheckinAttemptTime: minute(atMs + MINUTE_MS + marginMs),
    };
    for await (const records of readPages(client, PATH, failedCheckinRecord, {
      role: 'FailedCheckin-List',
      query,
      signal,
    })) {
      for (const record of records) {
        if (isRecordOf(body, await completed(client, record, signal))) return record.Id;
      }
    }
  }
  return null;
}

/** Lists are summaries: a field that is null there may have a value in the record. Role FailedCheckin-Read. */
async function completed(client: NexudusClient, record: FailedCheckinRecord, signal: AbortSignal | undefined) {
  if (record.CheckinAttemptTime !== null && record.MacAddresses !== null) return record;
  return client.get(`${PATH}/${record.Id}`, failedCheckinRecord, { role: 'FailedCheckin-Read', signal });
}

function isRecordOf(body: FailedCheckin, { CheckinAttemptTime, MacAddresses }: FailedCheckinRecord): boolean {
  if (CheckinAttemptTime === null || MacAddresses === null) return false;
  const [mac] = macsIn(body.MacAddresses);
  return (
    mac !== undefined &&
    macsIn(MacAddresses).includes(mac) &&
    wholeSeconds(CheckinAttemptTime) === wholeSeconds(body.CheckinAttemptTime)
  );
}

/** Returns seconds of Unix time. The time is UTC if the text names no zone. */
function wholeSeconds(text: string): number {
  return Math.floor(Date.parse(/(?:Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`) / 1000);
}

function minute(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 16);
}
