// The known devices and their owners: an index in memory, filled from Nexudus and from a local list.
import type { MacAddress } from '../../addresses/mac-address.js';

/** The owner of a device. `local` is a line of the local list. Ids are those of Nexudus. */
export type Owner =
  | {
      readonly kind: 'coworker';
      readonly id: number;
      readonly name: string;
      readonly status: 'active' | 'inactive' | 'archived';
    }
  | { readonly kind: 'staff'; readonly userId: number; readonly name: string }
  | { readonly kind: 'local'; readonly name: string };

/** The directory as other rooms use it. */
export interface DirectoryView {
  /** False until the directory was read once. Until then, null does not mean that nobody registered the device. */
  readonly loaded: boolean;
  lookup(mac: MacAddress): Owner | null;
}

/** The best owner has the lowest rank, when several registered the same device: active ones come before those who left. */
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
  /** The owner, or a list if several registered the same device. */
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

  /** Nexudus comes before the local list, unless the owner in Nexudus has left. */
  lookup(mac: MacAddress): Owner | null {
    const found = this.byMac.get(mac);
    const owner = (Array.isArray(found) ? found[0] : found) ?? null;
    if (owner !== null && (owner.kind !== 'coworker' || owner.status === 'active')) return owner;
    const name = this.local.get(mac);
    return name === undefined ? owner : { kind: 'local', name };
  }

  /** Replaces the devices of the user `userId`. */
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

  /** Removes all devices of a user. */
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

  /** Yields every registration: user id, owner and devices. */
  *entries(): Generator<{ userId: number; owner: Owner; macs: readonly MacAddress[] }> {
    for (const [userId, { owner, macs }] of this.registrations) yield { userId, owner, macs };
  }

  /** Yields the local list: MAC and name. */
  localEntries(): IterableIterator<[MacAddress, string]> {
    return this.local.entries();
  }
}
