import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Span } from '../../src/decode/sighting.js';
import { MAX_PARAMETER_LIST, sharedParameterList } from '../../src/visits/parameter-list.js';

function span(codes: readonly number[]): Span {
  const inFrame = new Span();
  // Behind other octets and before others, as in a frame.
  inFrame.set(Uint8Array.from([55, codes.length, ...codes, 255]), 2, 2 + codes.length);
  return inFrame;
}

test('equal lists are one array', () => {
  expect(sharedParameterList(span([1, 121, 3]))).toEqual([1, 121, 3]);
  expect(sharedParameterList(span([1, 121, 3]))).toBe(sharedParameterList(span([1, 121, 3])));
  expect(sharedParameterList(span([121, 1, 3]))).not.toBe(sharedParameterList(span([1, 121, 3])));
});

test('a list stays what it was when its frame is overwritten', () => {
  const frame = Uint8Array.from([1, 3, 6]);
  const inFrame = new Span();
  inFrame.set(frame, 0, 3);
  const list = sharedParameterList(inFrame);
  frame.fill(0);
  expect(list).toEqual([1, 3, 6]);
});

test('whatever the octets, the list is what they say, cut where it is too long', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 512 }), (codes) => {
      expect(sharedParameterList(span(codes))).toEqual(codes.slice(0, MAX_PARAMETER_LIST));
    }),
  );
});

test('lists that a flood brings are not all remembered', () => {
  const first = sharedParameterList(span([1, 2, 3, 4, 5]));
  for (let number = 0; number < 1_000; number++) sharedParameterList(span([200, number >> 8, number & 0xff]));
  const again = sharedParameterList(span([1, 2, 3, 4, 5]));
  expect(again).toEqual(first);
  expect(again).not.toBe(first);
});
