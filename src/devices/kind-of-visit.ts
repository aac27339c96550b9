// The kind of the device of a visit.
import { vendorOf } from '../addresses/vendor.js';
import type { Visit } from '../visits/visit.js';
import { kindOf } from './kind.js';

/** Returns null when the kind is not sure. */
export function kindOfVisit({ mac, vendorClass, hostname, parameterList }: Visit): string | null {
  return kindOf({ vendor: vendorOf(mac), vendorClass, hostname, parameterList });
}
