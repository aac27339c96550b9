// What kind of device a visit is of, by all that the visit shows.
import { vendorOf } from '../addresses/vendor.js';
import type { Visit } from '../visits/visit.js';
import { kindOf } from './kind.js';

/** Null where nothing is sure. */
export function kindOfVisit({ mac, vendorClass, hostname, parameterList }: Visit): string | null {
  return kindOf({ vendor: vendorOf(mac), vendorClass, hostname, parameterList });
}
