// Parameter request lists (DHCP option 55), each kept once for all visits: devices of one kind ask for the same, in the same order.
import type { Span } from '../decode/sighting.js';

/** Codes kept of one list. Systems ask for 10 to 30; what comes behind these says nothing. */
export const MAX_PARAMETER_LIST = 64;
/** Lists that are shared. Only a flood of made-up lists begins anew. */
const MAX_LISTS = 256;

const lists = new Map<string, readonly number[]>();

/** The codes in `span`, which must not be empty: the same array as long as the list is remembered. */
export function sharedParameterList({ bytes, start, end }: Readonly<Span>): readonly number[] {
  const codes = bytes.subarray(start, Math.min(end, start + MAX_PARAMETER_LIST));
  const key = String.fromCharCode(...codes);
  const known = lists.get(key);
  if (known !== undefined) return known;
  if (lists.size >= MAX_LISTS) lists.clear();
  const list = Object.freeze([...codes]);
  lists.set(key, list);
  return list;
}
