// The report: the facts about an unrecognised visit on their way to Nexudus. The failed check-in's body is made of them when it is
// posted or shown (nexudus/failed-checkin.ts).
import type { CheckinFacts } from '../nexudus/failed-checkin.js';
import type { Kin } from '../visits/visit.js';

export interface Report extends CheckinFacts {
  /** The visit's id: enqueueing the same visit twice is harmless. */
  readonly id: string;
  /** A post was begun and its outcome is not known: Nexudus must be searched before posting again. */
  readonly sent: boolean;
  /**
   * The device has shown that it is real: it completed a lease, spoke several protocols, or was active again minutes later. Anybody can
   * make up an address that is seen once.
   */
  readonly proven: boolean;
  /** On its way to a hub: a device that showed the same identity and fell silent when this one came. The hub knows whose it is. */
  readonly kin?: Kin | null | undefined;
}
