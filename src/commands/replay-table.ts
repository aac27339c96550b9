// The replay's answer for people: a table that fits the terminal, and a summary in words.
import type { VisitJson } from '../status/visit-json.js';
import type { ReplaySummary } from './replay.js';
import { tableLines } from './table.js';

interface Column {
  readonly title: string;
  readonly value: (visit: VisitJson) => string;
  /** Narrowest useful width; the column may be cut down to it. */
  readonly least: number;
}

const COLUMNS: readonly Column[] = [
  { title: 'FROM', value: ({ firstSeen }) => firstSeen.slice(0, 16).replace('T', ' '), least: 16 },
  { title: 'TO', value: ({ lastSeen }) => lastSeen.slice(11, 16), least: 5 },
  { title: 'MAC', value: ({ mac }) => mac, least: 17 },
  {
    title: 'VENDOR',
    value: ({ vendor, randomised }) => vendor ?? (randomised ? '(private address)' : '(unknown)'),
    least: 8,
  },
  { title: 'HOST NAME', value: ({ hostname }) => hostname ?? '', least: 9 },
  { title: 'IP', value: ({ ips }) => ips.findLast((ip) => !ip.includes(':')) ?? ips.at(-1) ?? '', least: 8 },
  {
    title: 'DECISION',
    value: ({ decision, coworker }) => (coworker === null ? decision : `${decision}: ${coworker.name}`),
    least: 12,
  },
];

/** The visits as a table of at most `columns` characters a line (as far as the columns can be cut), and a sentence. */
export function replayTable(visits: readonly VisitJson[], summary: ReplaySummary, columns: number): string {
  const rows = visits.map((visit) => COLUMNS.map(({ value }) => value(visit)));
  const titles = COLUMNS.map(({ title }) => title);
  const least = COLUMNS.map(({ least: width }) => width);
  const table = visits.length === 0 ? [] : [...tableLines(titles, rows, columns, least), ''];
  return [...table, sentence(summary)].join('\n');
}

function sentence(summary: ReplaySummary): string {
  const { visits, unrecognised, recognised, ignored, frames, sightings, malformed, posted, seconds, complete } =
    summary;
  const reasons = Object.entries(summary.malformedBy ?? {}).map(([reason, count]) => `${count} ${reason}`);
  const malformedPart = malformed === 0 ? '' : `, ${malformed} malformed: ${reasons.join(', ')}`;
  const postedPart = posted === 0 ? '' : ` ${posted} failed check-ins posted.`;
  const completePart = complete ? '' : ' NOT COMPLETE: see the message above or below.';
  return (
    `${visits} visits: ${unrecognised} unrecognised, ${recognised} recognised, ${ignored} ignored. ` +
    `${frames} frames (${sightings} sightings${malformedPart}) in ${seconds} s.${postedPart}${completePart}`
  );
}
