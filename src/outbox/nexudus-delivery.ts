// Delivery to Nexudus: posts, searches, and asks the directory again.
import { type DecisionRules, decideAgain } from '../devices/decision.js';
import { Equipment } from '../devices/equipment.js';
import { NO_IGNORE_RULES } from '../devices/ignore-rules.js';
import type { LabelStore } from '../devices/label-store.js';
import type { Label } from '../devices/labels.js';
import { isLoginRefusal, type NexudusClient } from '../nexudus/client.js';
import { findFailedCheckin, postFailedCheckin } from '../nexudus/failed-checkin-records.js';
import { readPlan } from '../nexudus/plan.js';
import { createDelivery, type DeliveryEdges, type Recheck } from './delivery.js';
import type { Deliver } from './outbox.js';
import type { Report } from './report.js';

const NO_EQUIPMENT = new Equipment();

/** Returns whether Nexudus takes the login; also true when that is not known now. */
export async function isLoginGood(client: Pick<NexudusClient, 'checkLogin'>): Promise<boolean> {
  try {
    await client.checkLogin();
    return true;
  } catch (error) {
    return !isLoginRefusal(error);
  }
}

/** It counts failures in a row, so it must be the same for all reports. */
export function nexudusDelivery(
  client: NexudusClient,
  rules: DecisionRules & { readonly businessId: number | 'all' },
  {
    labelStore,
    ...more
  }: Pick<DeliveryEdges, 'claimPost' | 'freshen' | 'patience'> & {
    /** The store is asked, because this sensor knows only the labels of its own business, and may not know the latest. */
    readonly labelStore?: Pick<LabelStore, 'labelOf'>;
  } = {},
): Deliver {
  async function recheck(report: Report): Promise<Recheck> {
    const { mac, hostname, businessId } = report;
    let label: Label | null = null;
    try {
      label = (await labelStore?.labelOf(businessId, mac)) ?? null;
    } catch {
      return { kind: 'wait', reason: 'the labels cannot be read (Redis)' };
    }
    const theirRules = rules.businessId === 'all' || businessId === rules.businessId ? rules : foreignRules(report);
    const decision = decideAgain({ mac, hostname }, { ...theirRules, labels: { of: () => label } }, 'sure');
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

  /** Sensors of another business have other rules, equipment and local lists. Registered devices are the same for all. */
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
    post: (checkin, signal) => postFailedCheckin(client, checkin, signal),
    find: (checkin) => findFailedCheckin(client, checkin),
    recheck,
    readPlan: (coworkerId, signal) => readPlan(client, coworkerId, signal),
    isLoginGood: () => isLoginGood(client),
    ...more,
  });
}
