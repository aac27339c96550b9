// The decision about a visit: is the device equipment, somebody's, or nobody's? And the reason, in words.

import { formatMac, type MacAddress } from '../addresses/mac-address.js';
import { isRandomised, vendorOf } from '../addresses/vendor.js';
import type { DirectoryView, Owner } from './directory/directory.js';
import type { Equipment, RoleStanding } from './equipment.js';
import { type IgnoreRules, ignoredBecause } from './ignore-rules.js';

/** `pending`: no directory has ever been loaded, so nobody can be called unrecognised yet. */
export type DecisionKind = 'ignored' | 'recognised' | 'unrecognised' | 'pending';

export interface Decision {
  readonly kind: DecisionKind;
  /** One sentence for people. Holds no MAC. */
  readonly reason: string;
  /** What may help staff to find the owner; null when there is nothing. May hold names and MACs, so never for logs. */
  readonly hint: string | null;
  readonly owner: Owner | null;
}

export interface DecisionInput {
  readonly mac: MacAddress;
  readonly hostname: string | null;
  /** A device that was here already with the same identity. */
  readonly kin?: { readonly mac: MacAddress; readonly by: string } | null;
}

export interface DecisionRules {
  readonly ignore: IgnoreRules;
  readonly equipment: Equipment;
  readonly directory: DirectoryView;
  /** Whether a device of an inactive or archived coworker counts as unrecognised (REPORT_INACTIVE). */
  readonly reportInactive: boolean;
}

// Nearly all decisions are one of these two.
const NOBODYS: Decision = {
  kind: 'unrecognised',
  reason: 'nobody registered this address',
  hint: null,
  owner: null,
};
const NOBODYS_PRIVATE: Decision = { ...NOBODYS, reason: 'nobody registered this private (randomised) address' };

/** Decides about one device. Pure: the same facts and directory give the same decision. */
export function decide(device: DecisionInput, rules: DecisionRules): Decision {
  return decideByRole(device, rules, 'announced');
}

/**
 * Decides once more about a device that was found unrecognised and whose report still waits. Had its role been known, it would not have
 * been reported: so the role is newer than the visit, and the device may have forged it to get rid of the report. Only a role of
 * at least this standing counts: `sure` while the device may be listening (delivery), `proven` when all of a capture has been read.
 */
export function decideAgain(
  device: DecisionInput,
  rules: DecisionRules,
  least: Exclude<RoleStanding, 'announced'>,
): Decision {
  return decideByRole(device, rules, least);
}

const RANKS: Readonly<Record<RoleStanding, number>> = { announced: 0, proven: 1, sure: 2 };

function decideByRole(device: DecisionInput, rules: DecisionRules, least: RoleStanding): Decision {
  const { mac, hostname } = device;
  const role = rules.equipment.roleOf(mac);
  if (role !== null && RANKS[role.standing] >= RANKS[least])
    return { kind: 'ignored', reason: `this is ${role.description}`, hint: null, owner: null };
  const ignored = ignoredBecause(rules.ignore, { mac, vendor: vendorOf(mac), hostname });
  if (ignored !== null) return { kind: 'ignored', reason: ignored, hint: null, owner: null };
  const owner = rules.directory.lookup(mac);
  if (owner !== null) return decideOwned(owner, rules.reportInactive);
  if (!rules.directory.loaded) {
    return {
      kind: 'pending',
      reason: 'the registered devices have not been read from Nexudus yet',
      hint: null,
      owner: null,
    };
  }
  if (!isRandomised(mac)) return NOBODYS;
  return device.kin ? { ...NOBODYS_PRIVATE, hint: kinshipOf(device.kin, rules.directory) } : NOBODYS_PRIVATE;
}

/** A phone that made itself a new private address is still the same person's phone. */
function kinshipOf({ mac, by }: { mac: MacAddress; by: string }, directory: DirectoryView): string {
  const owner = directory.lookup(mac);
  const whose = owner === null ? '' : `, registered by ${owner.name}`;
  return `it shows the same ${by} as ${formatMac(mac)}, which is here too${whose}`;
}

function decideOwned(owner: Owner, reportInactive: boolean): Decision {
  switch (owner.kind) {
    case 'local':
      return { kind: 'recognised', reason: `in the local list as ${owner.name}`, hint: null, owner };
    case 'staff':
      return { kind: 'recognised', reason: `registered by ${owner.name} (staff)`, hint: null, owner };
    case 'coworker':
      if (owner.status === 'active' || !reportInactive) {
        const note = owner.status === 'active' ? '' : ` (${owner.status})`;
        return { kind: 'recognised', reason: `registered by ${owner.name}${note}`, hint: null, owner };
      }
      return {
        kind: 'unrecognised',
        reason: `registered by ${owner.name}, whose account is ${owner.status}`,
        hint: null,
        owner,
      };
  }
}
