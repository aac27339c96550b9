// Tables for a terminal. Columns are as wide as they need. If the terminal is too narrow, some are cut, and the least important left
// out.
import { terminalOf } from './terminal.js';

export interface Column {
  readonly title: string;
  /** The column may be cut to so many characters. Left out: it is never cut. */
  readonly least?: number;
  /** The column with the largest number is left out first. Left out: the column always stays. */
  readonly dispensable?: number;
}

/** Returns the lines of a table, its heading first, with at most `available` characters each as far as the columns allow. */
export function tableLines(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  available: number,
): string[] {
  const natural = columns.map(({ title }, index) =>
    rows.reduce((width, row) => Math.max(width, row[index]?.length ?? 0), title.length),
  );
  const least = natural.map((width, index) => Math.min(width, columns[index]?.least ?? width));
  const kept = keptColumns(columns, least, available);
  const widths = fitWidths(
    kept.map((index) => natural[index] ?? 0),
    kept.map((index) => least[index] ?? 0),
    available,
  );
  const titles = columns.map(({ title }) => title);
  return [titles, ...rows].map((cells) =>
    line(
      kept.map((index) => cells[index] ?? ''),
      widths,
    ),
  );
}

const GAP = '  ';

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1));
}

/** Returns the indices of the columns that fit when each is cut to its least. */
function keptColumns(columns: readonly Column[], least: readonly number[], available: number): number[] {
  let kept = columns.map((_, index) => index);
  while (total(kept.map((index) => least[index] ?? 0)) > available) {
    const ranks = kept.map((index) => columns[index]?.dispensable ?? 0);
    const most = Math.max(...ranks);
    if (most === 0) break;
    kept = kept.filter((_, position) => ranks[position] !== most);
  }
  return kept;
}

/** Cuts the column that can be cut most, until the table fits. */
function fitWidths(natural: readonly number[], least: readonly number[], available: number): number[] {
  const widths = [...natural];
  while (total(widths) > available) {
    const spare = widths.map((width, index) => width - (least[index] ?? width));
    const most = Math.max(...spare);
    if (most <= 0) break;
    const index = spare.indexOf(most);
    widths[index] = (widths[index] ?? 0) - 1;
  }
  return widths;
}

function line(cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((text, index) => {
    const width = widths[index] ?? 0;
    return (text.length > width ? `${text.slice(0, width - 1)}…` : text).padEnd(width);
  });
  return padded.join(GAP).trimEnd();
}

/** Breaks text into lines of at most `available` characters, between words. */
export function wrap(text: string, available: number): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const latest = lines.at(-1);
    if (latest !== undefined && latest.length + 1 + word.length <= available)
      lines[lines.length - 1] = `${latest} ${word}`;
    else lines.push(word);
  }
  return lines.join('\n');
}

/** Prints a table on standard output. On a terminal it is cut to the width. */
export function printTable(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
  if (rows.length === 0) return;
  process.stdout.write(`${tableLines(columns, rows, terminalOf(process.stdout).columns).join('\n')}\n\n`);
}
