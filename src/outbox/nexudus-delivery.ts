// Delivery with Nexudus at the other end: how to post, to search, and to ask the directory again.
import { type DecisionRules, decideAgain } from '../devices/decision.js';
import { Equipment } from '../devices/equipment.js';
import { NO_IGNORE_RULES } from '../devices/ignore-rules.js';
import type { NexudusClient } from '../nexudus/client.js';
import { findFailedCheckin, postFailedCheckin } from '../nexudus/failed-checkin-records.js';
import { readPlan } from '../nexudus/plan.js';
import { createDelivery, type DeliveryEdges, type Recheck } from './delivery.js';
import type { Deliver } from './outbox.js';
import type { Report } from './report.js';

const NO_EQUIPMENT = new Equipment();

/** Make one for all reports: it remembers how often in a row the API failed. */
export function nexudusDelivery(
  client: NexudusClient,
  rules: DecisionRules & { readonly businessId: number },
  more: Pick<DeliveryEdges, 'claimPost' | 'freshen' | 'patience'> = {},
): Deliver {
  function recheck(report: Report): Recheck {
    const { mac, hostname } = report;
    const ours = report.businessId === rules.businessId;
    const decision = decideAgain({ mac, hostname }, ours ? rules : foreignRules(report), 'sure');
    switch (decision.kind) {
      case 'unrecognised':
        return { kind: 'report' };
      case 'pending':
        return { kind: 'wait', reason: decision.reason };
      case 'ignored':
      case 'recognised':
        return { kind: 'not-needed', reason: decision.reason };
    }
  }

  /** Another business's sensors have rules, equipment and a local list of their own; who is registered is the same for all. */
  function foreignRules({ inactive }: Report): DecisionRules {
    const { directory } = rules;
    return {
      ignore: NO_IGNORE_RULES,
      equipment: NO_EQUIPMENT,
      reportInactive: inactive !== null,
      directory: {
        loaded: directory.loaded,
        lookup(mac) {
          const owner = directory.lookup(mac);
          return owner?.kind === 'local' ? null : owner;
        },
      },
    };
  }

  return createDelivery({
    post: (checkin) => postFailedCheckin(client, checkin),
    find: (checkin) => findFailedCheckin(client, checkin),
    recheck,
    readPlan: (coworkerId) => readPlan(client, coworkerId),
    ...more,
  });
}
