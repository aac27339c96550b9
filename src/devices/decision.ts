// The decision about a visit: whether the device is equipment, somebody's, or nobody's, and the reason in words.
import { formatMac, type MacAddress } from '../addresses/mac-address.js';
import { isRandomised, vendorOf } from '../addresses/vendor.js';
import type { DirectoryView, Owner } from './directory/directory.js';
import type { Equipment, RoleStanding } from './equipment.js';
import { type IgnoreRules, ignoredBecause } from './ignore-rules.js';
import type { Label, LabelKind, LabelView } from './labels.js';

/** `pending`: no directory was ever loaded, so no device can be called unrecognised yet. */
export type DecisionKind = 'ignored' | 'recognised' | 'unrecognised' | 'pending';

export interface Decision {
  readonly kind: DecisionKind;
  /** A phrase for people. It contains no MAC. */
  readonly reason: string;
  /** May help staff to find the owner; null when there is none. It contains names and MACs, so it must not be logged. */
  readonly hint: Hint | null;
  readonly owner: Owner | null;
  /** Set when a label decided. */
  readonly label?: LabelKind;
}

/** The device is most likely one that is known, with a new address. */
export interface Hint {
  /** The address that it most likely had before. */
  readonly kin: MacAddress;
  /** As the end of a sentence. */
  readonly text: string;
  /** The name of whoever registered its former address; null when nobody did. */
  readonly likelyOwner: string | null;
}

export interface DecisionInput {
  readonly mac: MacAddress;
  readonly hostname: string | null;
  /** A device that showed the same identity, and was not heard since this one came. */
  readonly kin?: { readonly mac: MacAddress; readonly by: string } | null;
}

export interface DecisionRules {
  readonly ignore: IgnoreRules;
  readonly equipment: Equipment;
  readonly directory: DirectoryView;
  /** Whether a device of an inactive or archived coworker counts as unrecognised (REPORT_INACTIVE). */
  readonly reportInactive: boolean;
  /** Left out where nobody can label a device: in a replay. */
  readonly labels?: LabelView;
  /** Whoever is not equipment or in the local list is decided about by a hub: it alone has the directory. */
  readonly decidedByHub?: boolean;
}

// Nearly all decisions are one of these two.
const NOBODYS: Decision = {
  kind: 'unrecognised',
  reason: 'nobody registered this address',
  hint: null,
  owner: null,
};
const NOBODYS_PRIVATE: Decision = { ...NOBODYS, reason: 'nobody registered this private (randomised) address' };

const AT_THE_HUB: Decision = { kind: 'pending', reason: 'the hub has not decided yet', hint: null, owner: null };

/** Decides about one device. Pure: the same facts and directory give the same decision. */
export function decide(device: DecisionInput, rules: DecisionRules): Decision {
  return decideByRole(device, rules, 'announced');
}

/**
 * Decides again about an unrecognised device whose report still waits. If it has a role now, the role is newer than the visit, and the
 * device may have forged it so that the report is dropped. So only a role of at least the standing `least` counts: `sure` in delivery,
 * while the device may still send forgeries; `proven` when a whole capture has been read.
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
  // An operator labelled this very device. That comes before all rules, and needs no directory.
  const label = rules.labels?.of(mac) ?? null;
  if (label !== null) return decideLabelled(label);
  const role = rules.equipment.roleOf(mac);
  if (role !== null && RANKS[role.standing] >= RANKS[least])
    return { kind: 'ignored', reason: `this is ${role.description}`, hint: null, owner: null };
  const ignored = ignoredBecause(rules.ignore, { mac, vendor: vendorOf(mac), hostname });
  if (ignored !== null) return { kind: 'ignored', reason: ignored, hint: null, owner: null };
  const owner = rules.directory.lookup(mac);
  if (owner !== null) return decideOwned(owner, rules.reportInactive);
  if (rules.decidedByHub === true) return AT_THE_HUB;
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

/** Returns a hint to the former address of a device: a phone with a new private address still belongs to the same person. */
function kinshipOf({ mac, by }: { mac: MacAddress; by: string }, directory: DirectoryView): Hint {
  const owner = directory.lookup(mac);
  const whose = owner === null ? '' : `, registered by ${owner.name}`;
  const text = `it shows the same ${by} as ${formatMac(mac)}, which was here until it came${whose}`;
  return { kin: mac, text, likelyOwner: owner?.name ?? null };
}

function decideLabelled({ kind, name }: Label): Decision {
  switch (kind) {
    case 'equipment': {
      const reason = `labelled as equipment${name === null ? '' : ` (${name})`}`;
      return { kind: 'ignored', reason, hint: null, owner: null, label: kind };
    }
    case 'known': {
      const owner: Owner | null = name === null ? null : { kind: 'local', name };
      return { kind: 'recognised', reason: `labelled as ${name ?? 'known'}`, hint: null, owner, label: kind };
    }
  }
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
