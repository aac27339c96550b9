// The known devices: whose a MAC is. An index in memory, filled from Nexudus and from a local list.
import type { MacAddress } from '../../addresses/mac-address.js';

/** Whom a device belongs to. `local` is a line of the local list; `id`s are Nexudus's. */
export type Owner =
  | {
      readonly kind: 'coworker';
      readonly id: number;
      readonly name: string;
      readonly status: 'active' | 'inactive' | 'archived';
    }
  | { readonly kind: 'staff'; readonly userId: number; readonly name: string }
  | { readonly kind: 'local'; readonly name: string };

/** What the stages that ask may do with the directory. */
export interface DirectoryView {
  /** False until the directory was read once: an empty answer then means nothing. */
  readonly loaded: boolean;
  lookup(mac: MacAddress): Owner | null;
}

/** How good an owner is when several registered one device: somebody active beats somebody who left. */
function rank(owner: Owner): number {
  if (owner.kind === 'coworker') return owner.status === 'active' ? 0 : owner.status === 'inactive' ? 2 : 3;
  return owner.kind === 'staff' ? 1 : 0;
}

interface Registration {
  readonly owner: Owner;
  readonly macs: readonly MacAddress[];
}

/** Devices by MAC. A source (a user's id, or the local list) is replaced as a whole. */
export class Directory implements DirectoryView {
  loaded = false;
  private readonly registrations = new Map<number, Registration>();
  /** One owner mostly; a list only where several registered the same device. */
  private readonly byMac = new Map<MacAddress, Owner | Owner[]>();
  private readonly local: ReadonlyMap<MacAddress, string>;

  constructor(local: ReadonlyMap<MacAddress, string> = new Map()) {
    this.local = local;
  }

  /** Number of distinct devices from Nexudus and from the local list. */
  get size(): number {
    let size = this.byMac.size;
    for (const mac of this.local.keys()) if (!this.byMac.has(mac)) size++;
    return size;
  }

  /** Nexudus comes before the local list, unless whoever registered the device there has left. */
  lookup(mac: MacAddress): Owner | null {
    const found = this.byMac.get(mac);
    const owner = (Array.isArray(found) ? found[0] : found) ?? null;
    if (owner !== null && (owner.kind !== 'coworker' || owner.status === 'active')) return owner;
    const name = this.local.get(mac);
    return name === undefined ? owner : { kind: 'local', name };
  }

  /** Says that the user `userId` has these devices and no others. */
  register(userId: number, owner: Owner, macs: readonly MacAddress[]): void {
    this.forget(userId);
    if (macs.length === 0) return;
    this.registrations.set(userId, { owner, macs });
    for (const mac of macs) {
      const present = this.byMac.get(mac);
      if (present === undefined) this.byMac.set(mac, owner);
      else
        this.byMac.set(
          mac,
          [...(Array.isArray(present) ? present : [present]), owner].sort((a, b) => rank(a) - rank(b)),
        );
    }
  }

  /** Takes all devices of a user out. */
  forget(userId: number): void {
    const registration = this.registrations.get(userId);
    if (registration === undefined) return;
    this.registrations.delete(userId);
    for (const mac of registration.macs) {
      const present = this.byMac.get(mac);
      const others = Array.isArray(present) ? present.filter((owner) => owner !== registration.owner) : [];
      const [only] = others;
      if (only === undefined) this.byMac.delete(mac);
      else this.byMac.set(mac, others.length === 1 ? only : others);
    }
  }

  /** Every registration: user id, owner and devices. */
  *entries(): Generator<{ userId: number; owner: Owner; macs: readonly MacAddress[] }> {
    for (const [userId, { owner, macs }] of this.registrations) yield { userId, owner, macs };
  }

  /** The local list: MAC and name. */
  localEntries(): IterableIterator<[MacAddress, string]> {
    return this.local.entries();
  }
}
