// In place of delivery, for a sensor with a hub: what waits in its outbox is handed over.
import type { Config } from '../config/config.js';
import { HandOver } from '../hub/hand-over.js';
import type { HubLink } from '../hub/hub-link.js';
import type { Listeners } from '../pipeline/listeners.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import { type Closing, within } from './closing.js';
import type { Store } from './store.js';

/** A hand-over that is under way is waited for this long. */
const HAND_OVER_STOPS_WITHIN_MS = 2_000;

export interface HandOverParts {
  readonly link: HubLink;
  readonly store: Store;
  readonly pipeline: Pipeline;
  readonly listeners: Listeners;
  readonly closing: Closing;
  /** In place of ten seconds between heartbeats: for tests. */
  readonly heartbeatMs: number | undefined;
}

export function startHandingOver(config: Config, parts: HandOverParts): HandOver {
  const { link, store, pipeline, listeners, closing, heartbeatMs } = parts;
  const handOver = new HandOver({
    link,
    pipeline,
    businessId: config.businessId ?? 0,
    gapMs: config.visitGapMs,
    ...(heartbeatMs === undefined ? {} : { everyMs: heartbeatMs }),
  });
  listeners.add(handOver);
  closing.add(() => handOver.close());
  if (!config.dryRun) {
    const deliverer = store.startDelivery(handOver.deliver, {
      onOutcome: (report, outcome) => listeners.emit('onOutcome', report, outcome),
    });
    closing.add(() => within(HAND_OVER_STOPS_WITHIN_MS, deliverer.close()));
  }
  handOver.start();
  return handOver;
}
