// The decision about a visit: is the device infrastructure, somebody's, or nobody's? And the reason, in words.
import type { DirectoryView, Owner } from './directory.js';
import { type IgnoreRules, ignoredBecause } from './ignore-rules.js';
import type { Infrastructure } from './infrastructure.js';
import type { MacAddress } from './mac-address.js';
import { isRandomised, vendorOf } from './vendor.js';

/** `pending`: no directory has ever been loaded, so nobody can be called unrecognised yet. */
export type DecisionKind = 'ignored' | 'recognised' | 'unrecognised' | 'pending';

export interface Decision {
  readonly kind: DecisionKind;
  /** One sentence for people. Holds no MAC. */
  readonly reason: string;
  readonly owner: Owner | null;
}

export interface DecisionInput {
  readonly mac: MacAddress;
  readonly hostname: string | null;
  /** IPv4 address as an unsigned 32-bit number, 0 when unknown. */
  readonly ipv4: number;
}

export interface DecisionRules {
  readonly ignore: IgnoreRules;
  readonly infrastructure: Infrastructure;
  readonly directory: DirectoryView;
  /** Whether a device of an inactive or archived coworker counts as unrecognised (REPORT_INACTIVE). */
  readonly reportInactive: boolean;
}

/** Decides about one device. Pure: the same facts and directory give the same decision. */
export function decide(device: DecisionInput, rules: DecisionRules): Decision {
  const { mac, hostname, ipv4 } = device;
  const role = rules.infrastructure.roleOf(mac, ipv4);
  if (role !== null) return { kind: 'ignored', reason: `this is ${role}`, owner: null };
  const ignored = ignoredBecause(rules.ignore, { mac, vendor: vendorOf(mac), hostname });
  if (ignored !== null) return { kind: 'ignored', reason: ignored, owner: null };
  const owner = rules.directory.lookup(mac);
  if (owner !== null) return decideOwned(owner, rules.reportInactive);
  if (!rules.directory.loaded) {
    return { kind: 'pending', reason: 'the registered devices have not been read from Nexudus yet', owner: null };
  }
  const reason = isRandomised(mac)
    ? 'nobody registered this private (randomised) address'
    : 'nobody registered this address';
  return { kind: 'unrecognised', reason, owner: null };
}

function decideOwned(owner: Owner, reportInactive: boolean): Decision {
  switch (owner.kind) {
    case 'local':
      return { kind: 'recognised', reason: `in the local list as ${owner.name}`, owner };
    case 'staff':
      return { kind: 'recognised', reason: `registered by ${owner.name} (staff)`, owner };
    case 'coworker':
      if (owner.status === 'active' || !reportInactive) {
        const note = owner.status === 'active' ? '' : ` (${owner.status})`;
        return { kind: 'recognised', reason: `registered by ${owner.name}${note}`, owner };
      }
      return { kind: 'unrecognised', reason: `registered by ${owner.name}, whose account is ${owner.status}`, owner };
  }
}
