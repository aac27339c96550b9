// The terminal: its width, and whether it shows colours.
import { styleText } from 'node:util';

export type Colour = 'yellow' | 'green' | 'cyan' | 'dim' | 'bold';

export interface Terminal {
  /** Characters in a line. Infinite when the output goes to a file or another program. */
  readonly columns: number;
  readonly paint: (colour: Colour, text: string) => string;
}

/** There are colours only on a terminal, and not with NO_COLOR (https://no-color.org). Node's own rules would also look at CI. */
export function terminalOf(stream: NodeJS.WriteStream): Terminal {
  // A pseudo-terminal without a size has 0 columns.
  const columns = stream.columns || Number(process.env.COLUMNS) || (stream.isTTY ? 80 : Number.POSITIVE_INFINITY);
  const isColoured = stream.isTTY === true && (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb';
  return {
    columns,
    paint: isColoured ? (colour, text) => styleText(colour, text, { validateStream: false }) : (_colour, text) => text,
  };
}
