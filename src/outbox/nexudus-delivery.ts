// Delivery with Nexudus at the other end: how to post, to search, and to ask the directory again.
import { type DecisionRules, decideAgain } from '../devices/decision.js';
import { Equipment } from '../devices/equipment.js';
import { NO_IGNORE_RULES } from '../devices/ignore-rules.js';
import type { NexudusClient } from '../nexudus/client.js';
import type { FailedCheckin } from '../nexudus/failed-checkin.js';
import { findFailedCheckin, postFailedCheckin } from '../nexudus/failed-checkin-records.js';
import { readPlan } from '../nexudus/plan.js';
import { createDelivery, type DeliveryEdges, type Recheck } from './delivery.js';
import type { Deliver, OutboxEntry } from './outbox.js';

const NO_EQUIPMENT = new Equipment();

/** One delivery for all entries; it remembers how often in a row the API failed. */
export function nexudusDelivery(
  client: NexudusClient,
  rules: DecisionRules & { readonly businessId: number },
  more: Pick<DeliveryEdges, 'claimPost' | 'freshen' | 'patience'> = {},
): Deliver {
  function recheck({ mac, hostname, checkin }: OutboxEntry): Recheck {
    const ours = checkin.BusinessId === rules.businessId;
    const decision = decideAgain({ mac, hostname }, ours ? rules : foreignRules(checkin), 'sure');
    switch (decision.kind) {
      case 'unrecognised':
        return { kind: 'report' };
      case 'pending':
        return { kind: 'wait', reason: decision.reason };
      default:
        return { kind: 'not-needed', reason: decision.reason };
    }
  }

  /** Another business's sensors have rules, equipment and a local list of their own; who is registered is the same for all. */
  function foreignRules(checkin: FailedCheckin): DecisionRules {
    const { directory } = rules;
    return {
      ignore: NO_IGNORE_RULES,
      equipment: NO_EQUIPMENT,
      reportInactive: checkin.CoworkerId !== undefined,
      directory: {
        loaded: directory.loaded,
        lookup(mac) {
          const owner = directory.lookup(mac);
          return owner?.kind === 'local' ? null : owner;
        },
      },
    };
  }

  async function complete(checkin: FailedCheckin): Promise<FailedCheckin> {
    if (checkin.CoworkerId === undefined) return checkin;
    const { tariff, teams } = await readPlan(client, checkin.CoworkerId);
    return {
      ...checkin,
      ...(tariff === null ? {} : { TariffAtTheTimeOfCheckin: tariff }),
      ...(teams.length === 0 ? {} : { TeamsAtTheTimeOfCheckin: teams.join(',') }),
    };
  }

  return createDelivery({
    post: (checkin) => postFailedCheckin(client, checkin),
    find: (checkin) => findFailedCheckin(client, checkin),
    recheck,
    complete,
    ...more,
  });
}
