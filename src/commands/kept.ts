// What the keys in Redis are, in words, for the commands that show or remove them.
import { z } from 'zod';
import { failedCheckinBody } from '../nexudus/failed-checkin.js';
import { parseReport } from '../outbox/stored-report.js';
import type { Trace } from '../redis/traces.js';
import { parseVisits } from '../status/facts/diary-entry.js';

const JOB = /:(failed-checkins|notices):(\d+-[0-9a-f]{12}-\d+|[0-9a-f]{32})$/;

/** What a key is, in a few words. */
export function kindOfKey(key: string): string {
  if (/:visits:[0-9a-f]{12}$/.test(key)) return 'visits of a device';
  if (/:labels(:version)?$/.test(key)) return 'labels';
  if (/:diary(:dry-run)?(:changes)?$/.test(key)) return 'diary of visits';
  if (/:directory(:next:.*)?$/.test(key)) return 'copy of the devices that are registered in Nexudus';
  if (JOB.test(key)) return key.includes(':notices:') ? 'notices for the webhook' : 'failed check-ins';
  if (/:(failed-checkins|notices):/.test(key)) return 'lists of the outbox and of the webhook';
  return 'counts and other small things';
}

const SETTLEMENTS: Readonly<Record<string, string>> = {
  r: 'reported to Nexudus',
  s: 'not reported, because the one before was',
  k: 'recognised',
  i: 'ignored as equipment',
  l: 'not reported, because of its label',
  '': 'not decided',
};

const LABEL = z.object({ kind: z.string(), name: z.string().nullable(), sinceMs: z.number() });
const USER = z.object({ name: z.string() });

/** What a part of a key says, in a sentence. */
export function inWords({ key, part, value }: Trace): string {
  const [, location] = /^\{nwm:(\d+)\}/.exec(key) ?? [];
  const where = location === undefined ? '' : `Location ${location}: `;
  if (/:visits:/.test(key)) return `${where}${visitsInWords(value)}`;
  if (/:labels$/.test(key)) return `${where}${labelInWords(value)}`;
  if (/:diary(:dry-run)?$/.test(key)) return `${where}${diaryInWords(value)}`;
  if (/:diary(:dry-run)?:changes$/.test(key)) return `${where}when its diary was last written`;
  if (/:directory/.test(key)) return `${where}${registrationInWords(part ?? '', value)}`;
  if (JOB.test(key)) return jobInWords(part ?? '', value);
  if (/:failed-checkins:events$/.test(key)) return `The outbox noted: ${value}`;
  if (/:(failed-checkins|notices):/.test(key))
    return `It is in the list "${key.split(':').at(-1)}" of what is on its way, by the id of its visit: ${value}`;
  return `${kindOfKey(key)}: ${value}`;
}

function time(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function visitsInWords(value: string): string {
  const [reported = '', ...visits] = value.split('|');
  const words = visits.map((visit) => {
    const [start = '', from = '', to = '', settlement = ''] = visit.split(':');
    const id = start === from ? '' : ` (its id has ${time(Number(start))})`;
    return `here from ${time(Number(from))} to ${time(Number(to))}${id}, ${SETTLEMENTS[settlement] ?? settlement}`;
  });
  const latest = reported === '' ? '' : `; last reported: the visit of ${time(Number(reported))}`;
  return `${words.join('; ')}${latest}`;
}

function labelInWords(value: string): string {
  const label = LABEL.safeParse(parsed(value)).data;
  if (label === undefined) return value;
  return `labelled as ${label.kind}${label.name === null ? '' : ` (${label.name})`} since ${time(label.sinceMs)}`;
}

function diaryInWords(value: string): string {
  const visits = parseVisits(value)?.map(({ firstMs, lastMs, hostnames, ips, decisions, reports }) => {
    const shown = [...hostnames, ...ips].join(', ');
    const told = [...decisions.map(({ kind, reason }) => `${kind} (${reason})`), ...reports.map(({ state }) => state)];
    return `here from ${time(firstMs)} to ${time(lastMs)} as ${shown === '' ? 'nobody' : shown}: ${told.join(', ')}`;
  });
  return `the diary says: ${visits?.join('; ') ?? value}`;
}

function registrationInWords(part: string, value: string): string {
  const user = USER.safeParse(parsed(value)).data;
  return user === undefined ? `registered in Nexudus (${part})` : `registered in Nexudus by ${user.name}`;
}

const TIMES: Readonly<Record<string, string>> = {
  timestamp: 'Added to what is on its way',
  processedOn: 'Last tried',
  finishedOn: 'Finished',
};

function jobInWords(part: string, value: string): string {
  if (part in TIMES) return `${TIMES[part]}: ${time(Number(value))}`;
  if (part === 'failedReason') return `Why it was not delivered: ${value}`;
  if (part === 'returnvalue') return `What became of it: ${value}`;
  if (part !== 'data') return `${part}: ${value}`;
  const report = parseReport(parsed(value));
  if (report === null) return `What is to be told: ${value}`;
  const { MacAddresses, CheckinAttemptTime, Description } = failedCheckinBody(report);
  return `Failed check-in for Nexudus: ${MacAddresses}, ${CheckinAttemptTime}: ${Description}`;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
