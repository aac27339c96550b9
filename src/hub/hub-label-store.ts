// The labels of a sensor that has a hub: the hub keeps them, for all sensors of the location, and decides by them.
import type { MacAddress } from '../addresses/mac-address.js';
import type { LabelStore } from '../devices/label-store.js';
import type { Label } from '../devices/labels.js';
import type { HubAnswer, HubLink } from './hub-link.js';

export class HubLabelStore implements LabelStore {
  readonly isLasting = true;
  /** What was set here. A sensor cannot read what others have set: it hears only what the hub decided. */
  private readonly setHere = new Map<MacAddress, Label>();

  /** `onChanged`: the hub has another label for this device now. */
  constructor(
    private readonly link: HubLink,
    private readonly onChanged: (mac: MacAddress) => void,
  ) {}

  async put(mac: MacAddress, label: Label): Promise<boolean> {
    const isDone = doneOf(await this.link.label(mac, { as: label.kind, name: label.name }));
    this.setHere.set(mac, label);
    this.onChanged(mac);
    return isDone;
  }

  async remove(mac: MacAddress): Promise<boolean> {
    const isDone = doneOf(await this.link.label(mac, null));
    this.setHere.delete(mac);
    this.onChanged(mac);
    return isDone;
  }

  async all(): Promise<ReadonlyMap<MacAddress, Label>> {
    return this.setHere;
  }

  async labelOf(): Promise<Label | null> {
    return null;
  }
}

/** @throws when the hub has not done it */
function doneOf(answer: HubAnswer<{ done: boolean }>): boolean {
  if (answer.kind === 'answered') return answer.value.done;
  throw new Error(answer.reason);
}
