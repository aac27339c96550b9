// The output of a replay for people: a table that fits the terminal, and a summary in words.
import type { DecisionKind } from '../../devices/decision.js';
import { countWords } from '../../presenters/count-words.js';
import { type Column, tableLines, wrap } from '../../presenters/table.js';
import type { Colour, Terminal } from '../../presenters/terminal.js';
import type { VisitJson } from '../../presenters/visit-json.js';
import type { ReplaySummary } from './summary.js';

/** Visits that need attention have a bright colour. Visits that need none are dim. */
const COLOURS: Readonly<Record<DecisionKind, Colour>> = {
  unrecognised: 'yellow',
  recognised: 'green',
  ignored: 'dim',
  pending: 'cyan',
};

interface VisitColumn extends Column {
  readonly value: (visit: VisitJson) => string;
}

const COLUMNS: readonly VisitColumn[] = [
  { title: 'FROM', value: ({ firstSeen }) => minute(firstSeen) },
  { title: 'TO', value: ({ firstSeen, lastSeen }) => endOf(firstSeen, lastSeen), dispensable: 2 },
  { title: 'MAC', value: ({ mac }) => mac },
  { title: 'DEVICE', value: deviceOf, least: 8, dispensable: 3 },
  { title: 'HOST NAME', value: ({ hostname }) => hostname ?? '', least: 9, dispensable: 1 },
  { title: 'IP', value: ({ ips }) => ips.findLast((ip) => !ip.includes(':')) ?? ips.at(-1) ?? '', dispensable: 4 },
  {
    title: 'DECISION',
    value: ({ decision, coworker }) => (coworker === null ? decision : `${decision}: ${coworker.name}`),
    least: 12,
  },
];

/** Returns `iPhone, private address` or `printer, HP Inc.`. The kind comes first, so that it stays when the column is cut. */
function deviceOf({ kind, vendor, randomised }: VisitJson): string {
  const maker = vendor ?? (randomised ? 'private address' : null);
  // `Apple, Inc.` includes the kind `Apple`.
  if (kind !== null && vendor?.startsWith(kind) !== true) return maker === null ? kind : `${kind}, ${maker}`;
  return vendor ?? (randomised ? '(private address)' : '(unknown)');
}

/** `03-02 09:30`, UTC. */
function minute(iso: string): string {
  return iso.slice(5, 16).replace('T', ' ');
}

/** The day is included only if it is not the first one. */
function endOf(first: string, last: string): string {
  return first.slice(0, 10) === last.slice(0, 10) ? last.slice(11, 16) : minute(last);
}

/** Returns the visits as a table that fits the terminal as far as columns can be cut, and the summary. `note` says what was posted. */
export function replayTable(
  visits: readonly VisitJson[],
  summary: ReplaySummary,
  note: string,
  terminal: Terminal,
): string {
  const rows = visits.map((visit) => COLUMNS.map(({ value }) => value(visit)));
  const [heading = '', ...lines] = tableLines(COLUMNS, rows, terminal.columns);
  const painted = lines.map((line, index) => terminal.paint(COLOURS[visits[index]?.decision ?? 'pending'], line));
  const table = visits.length === 0 ? [] : [terminal.paint('bold', heading), ...painted, ''];
  return [...table, wrap(sentence(summary, note), terminal.columns)].join('\n');
}

function sentence(summary: ReplaySummary, note: string): string {
  const { visits, unrecognised, recognised, ignored, frames, sightings, malformed, seconds, complete } = summary;
  const reasons = Object.entries(summary.malformedBy ?? {}).map(([reason, count]) => `${count} ${reason}`);
  const malformedPart = malformed === 0 ? '' : `, ${malformed} malformed: ${reasons.join(', ')}`;
  const completePart = complete ? '' : ' NOT COMPLETE: see the message.';
  return (
    `${countWords(visits, 'visit')}: ${unrecognised} unrecognised, ${recognised} recognised, ${ignored} ignored. ` +
    `${countWords(frames, 'frame')} (${countWords(sightings, 'sighting')}${malformedPart}) in ${seconds} s.` +
    `${note}${completePart}`
  );
}
