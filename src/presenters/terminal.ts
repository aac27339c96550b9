// What the output is shown on: how wide it is, and whether it takes colours.
import { styleText } from 'node:util';

export type Colour = 'yellow' | 'green' | 'cyan' | 'dim' | 'bold';

export interface Terminal {
  /** Characters in a line; infinite when the output goes to a file or another program. */
  readonly columns: number;
  readonly paint: (colour: Colour, text: string) => string;
}

/** Colours only on a terminal, and never with NO_COLOR (https://no-color.org). We decide: Node itself would ask for CI, too. */
export function terminalOf(stream: NodeJS.WriteStream): Terminal {
  // A pseudo-terminal that nobody sized says 0.
  const columns = stream.columns || Number(process.env.COLUMNS) || (stream.isTTY ? 80 : Number.POSITIVE_INFINITY);
  const isColoured = stream.isTTY === true && (process.env.NO_COLOR ?? '') === '' && process.env.TERM !== 'dumb';
  return {
    columns,
    paint: isColoured ? (colour, text) => styleText(colour, text, { validateStream: false }) : (_colour, text) => text,
  };
}
