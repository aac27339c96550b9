// The replay's answer for people: a table that fits the terminal, and a summary in words.
import type { VisitJson } from '../status/visit-json.js';
import type { ReplaySummary } from './replay.js';

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
  { title: 'IP', value: ({ ips }) => ips.at(-1) ?? '', least: 8 },
  {
    title: 'DECISION',
    value: ({ decision, coworker }) => (coworker === null ? decision : `${decision}: ${coworker.name}`),
    least: 12,
  },
];

/** Fits widths into `available` by cutting the widest columns that can still be cut. */
function fitWidths(widths: number[], available: number): number[] {
  const fitted = [...widths];
  const gaps = 2 * (fitted.length - 1);
  while (fitted.reduce((sum, width) => sum + width, gaps) > available) {
    const slack = fitted.map((width, index) => width - (COLUMNS[index]?.least ?? width));
    const most = Math.max(...slack);
    if (most <= 0) break;
    const index = slack.indexOf(most);
    fitted[index] = (fitted[index] ?? 0) - 1;
  }
  return fitted;
}

function cell(text: string, width: number): string {
  return (text.length > width ? `${text.slice(0, width - 1)}…` : text).padEnd(width);
}

/** The visits as a table of at most `columns` characters a line (as far as the columns can be cut), and a sentence. */
export function replayTable(visits: readonly VisitJson[], summary: ReplaySummary, columns: number): string {
  const rows = visits.map((visit) => COLUMNS.map(({ value }) => value(visit)));
  const natural = COLUMNS.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => row[index]?.length ?? 0)),
  );
  const widths = fitWidths(natural, columns);
  const line = (cells: readonly string[]) =>
    cells
      .map((text, index) => cell(text, widths[index] ?? 0))
      .join('  ')
      .trimEnd();
  const table = visits.length === 0 ? [] : [line(COLUMNS.map(({ title }) => title)), ...rows.map(line), ''];
  return [...table, sentence(summary)].join('\n');
}

function sentence(summary: ReplaySummary): string {
  const { visits, unrecognised, recognised, ignored, frames, sightings, malformed, posted, seconds, complete } =
    summary;
  const malformedPart = malformed === 0 ? '' : `, ${malformed} malformed`;
  const postedPart = posted === 0 ? '' : ` ${posted} failed check-ins posted.`;
  const completePart = complete ? '' : ' NOT COMPLETE: see the message above or below.';
  return (
    `${visits} visits: ${unrecognised} unrecognised, ${recognised} recognised, ${ignored} ignored. ` +
    `${frames} frames (${sightings} sightings${malformedPart}) in ${seconds} s.${postedPart}${completePart}`
  );
}
