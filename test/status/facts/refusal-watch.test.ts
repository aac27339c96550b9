// What health says of locations whose failed check-ins are refused.
import { expect, test } from 'vitest';
import { RefusalWatch } from '../../../src/status/facts/refusal-watch.js';
import { reportFor } from '../../outbox/trial-reports.js';

const refused = { kind: 'put-back', reason: 'answered 403 for DA:00:00:00:00:01', isRefused: true } as const;

test('refusals are told by location, without MACs, until they are over', () => {
  const watch = new RefusalWatch();
  for (const number of [2, 1, 1]) watch.onOutcome(reportFor(number), refused);
  watch.onOutcome({ ...reportFor(3), businessId: 88 }, refused);
  watch.onOutcome(reportFor(4), { kind: 'put-back', reason: '500' });
  const reason = 'answered 403 for (address)';
  expect(watch.facts()).toEqual([
    { businessId: 77, count: 2, firstStartMs: reportFor(1).startMs, reason },
    { businessId: 88, count: 1, firstStartMs: reportFor(3).startMs, reason },
  ]);
  for (const number of [1, 2]) watch.onOutcome(reportFor(number), { kind: 'posted', recordId: 1 });
  expect(watch.facts()).toMatchObject([{ businessId: 88 }]);
});
