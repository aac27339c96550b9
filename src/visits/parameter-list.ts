// Parameter request lists (DHCP option 55). Devices of one kind send the same list, so each list is kept once for all visits.
import type { Span } from '../decode/sighting.js';

/** A list is cut after so many codes. Systems send 10 to 30. */
export const MAX_PARAMETER_LIST = 64;
/** So many lists are kept, then all are forgotten. Only a flood of made-up lists reaches this number. */
const MAX_LISTS = 256;

const lists = new Map<string, readonly number[]>();

/** Returns the codes in `span`, which must not be empty. While a list is kept, the array is always the same. */
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
