// Tables for a terminal: columns as wide as they need, cut where the terminal is narrower.

/** What a column may be cut down to. */
const LEAST_WIDTH = 8;

/** Cuts the widest columns until the whole fits into `available` characters, two spaces between columns; none below its least. */
export function fitWidths(natural: readonly number[], least: readonly number[], available: number): number[] {
  const widths = [...natural];
  const gaps = 2 * (widths.length - 1);
  while (widths.reduce((sum, width) => sum + width, gaps) > available) {
    const slack = widths.map((width, index) => width - (least[index] ?? LEAST_WIDTH));
    const most = Math.max(...slack);
    if (most <= 0) break;
    const index = slack.indexOf(most);
    widths[index] = (widths[index] ?? 0) - 1;
  }
  return widths;
}

/** One line of a table. */
export function tableLine(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((text, index) => {
      const width = widths[index] ?? 0;
      return (text.length > width ? `${text.slice(0, width - 1)}…` : text).padEnd(width);
    })
    .join('  ')
    .trimEnd();
}

/** The lines of a table. `least`: what each column may be cut to; by default 8 characters. */
export function tableLines(
  titles: readonly string[],
  rows: readonly (readonly string[])[],
  columns: number,
  least: readonly number[] = [],
): string[] {
  const natural = titles.map((title, index) =>
    rows.reduce((width, row) => Math.max(width, row[index]?.length ?? 0), title.length),
  );
  const widths = fitWidths(
    natural,
    natural.map((width, index) => Math.min(width, least[index] ?? LEAST_WIDTH)),
    columns,
  );
  return [titles, ...rows].map((cells) => tableLine(cells, widths));
}

/** Prints a table on standard output, cut to the terminal's width; not cut when the output goes elsewhere. */
export function printTable(titles: readonly string[], rows: readonly (readonly string[])[]): void {
  if (rows.length === 0) return;
  const columns = process.stdout.columns ?? Number.POSITIVE_INFINITY;
  process.stdout.write(`${tableLines(titles, rows, columns).join('\n')}\n\n`);
}
