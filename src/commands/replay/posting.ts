// `replay --post`: posts what a replay found, with an outbox in memory. The keys of sensors in Redis are never touched.
import { setTimeout as delay } from 'node:timers/promises';
import type { Config } from '../../config/config.js';
import type { DecisionRules } from '../../devices/decision.js';
import type { Directory } from '../../devices/directory/directory.js';
import { ownerOf } from '../../devices/directory/directory-sync.js';
import { createNexudusClient, NexudusError } from '../../nexudus/client.js';
import { readKnownDevices } from '../../nexudus/known-devices.js';
import { budgetInMemory } from '../../outbox/day-budget.js';
import { MemoryOutbox } from '../../outbox/memory-outbox.js';
import { nexudusDelivery } from '../../outbox/nexudus-delivery.js';
import type { Outbox, Outcome } from '../../outbox/outbox.js';
import type { Report } from '../../outbox/report.js';

export interface Posted {
  readonly posted: number;
  /** In Nexudus already, from an earlier replay or from a sensor. */
  readonly found: number;
  readonly problems: readonly string[];
}

export interface Posting {
  readonly outbox: Pick<Outbox, 'enqueue'>;
  /** Posts everything that was added. `problems` are sentences for people. */
  deliverAll(): Promise<Posted>;
}

/** A replay gives up when Nexudus could not be reached for this long, because a person waits for it. */
const GIVE_UP_MS = 60_000;

/** Logs in and reads the registered devices, without which nothing may be posted. Throws a sentence for people. */
export async function preparePosting(
  config: Config,
  rules: DecisionRules & { directory: Directory },
): Promise<Posting> {
  if (config.login === null) throw new Error('--post needs NEXUDUS_USERNAME and NEXUDUS_PASSWORD');
  const client = createNexudusClient({
    url: config.nexudusUrl,
    auth: config.login,
    clientId: config.clientId ?? 'wifi-monitor-replay',
  });
  try {
    for await (const { users } of readKnownDevices(client)) {
      for (const user of users) rules.directory.register(user.userId, ownerOf(user), user.macs);
    }
  } catch (error) {
    await client.close();
    if (!(error instanceof NexudusError)) throw error;
    throw new Error(
      `the registered devices cannot be read from Nexudus at ${config.nexudusUrl}: ${error.message} ` +
        '(nothing was posted; without --post the capture is replayed offline)',
    );
  }
  const outbox = new MemoryOutbox({ spacingMs: 60_000 / config.postsPerMinute });
  const deliver = nexudusDelivery(
    client,
    { ...rules, businessId: config.businessId ?? 0 },
    { claimPost: budgetInMemory(config.postsPerDay).claim },
  );

  async function deliverAll(): Promise<Posted> {
    const problems: string[] = [];
    let posted = 0;
    let found = 0;
    let latestSuccessMs = performance.now();
    let trouble = '';
    const onOutcome = (_report: Report, outcome: Outcome) => {
      if (outcome.kind === 'posted') posted++;
      if (outcome.kind === 'found') found++;
      if (outcome.kind === 'refused') problems.push(`Nexudus refuses a failed check-in: ${outcome.reason}`);
      if (isWaiting(outcome)) trouble = outcome.reason;
      else latestSuccessMs = performance.now();
    };
    const deliverer = outbox.start(deliver, { onOutcome });
    while (!outbox.isEmpty && performance.now() - latestSuccessMs < GIVE_UP_MS) await delay(20);
    if (!outbox.isEmpty) problems.push(`not every failed check-in could be posted: ${trouble}`);
    await deliverer.close();
    await client.close();
    return { posted, found, problems };
  }

  return {
    // The capture may have been replayed before, and Nexudus takes everything twice. `sent` makes delivery search first. A person
    // asked for all of it, so no device has to prove itself.
    outbox: { enqueue: (report) => outbox.enqueue({ ...report, sent: true, proven: true }) },
    deliverAll,
  };
}

/** Whether the report still waits after this try. */
function isWaiting(
  outcome: Outcome,
): outcome is Extract<Outcome, { kind: 'pause' | 'pause-own' | 'put-back' | 'await-proof' }> {
  return ['pause', 'pause-own', 'put-back', 'await-proof'].includes(outcome.kind);
}
