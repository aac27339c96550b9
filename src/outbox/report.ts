// A report: the facts about an unrecognised visit on their way to Nexudus. nexudus/failed-checkin.ts makes the body of the failed
// check-in from them when it is posted or shown.
import type { CheckinFacts } from '../nexudus/failed-checkin.js';
import type { Kin } from '../visits/visit.js';

export interface Report extends CheckinFacts {
  /** The visit's id. Enqueueing the same visit twice changes nothing. */
  readonly id: string;
  /** A post was begun and its outcome is not known, so Nexudus must be searched before the next post. */
  readonly sent: boolean;
  /**
   * The device has proved that it is real: it completed a lease, used several protocols, or was active again minutes later. Anybody
   * can make up an address that is seen once.
   */
  readonly proven: boolean;
  /**
   * A device that showed the same identity and fell silent when this one came. On its way to a hub, which knows whose it is; and beside
   * `likelyOwner`, so that the name goes when that device is to be forgotten.
   */
  readonly kin?: Kin | null | undefined;
}
