// What a running sensor holds of a device in its memory, for `wifi-monitor export`.
import type { MacAddress } from '../addresses/mac-address.js';
import type { Pipeline } from '../pipeline/pipeline.js';
import { type VisitJson, visitJson } from '../presenters/visit-json.js';

export interface Recalled {
  /** Its open visit, as `replay --json` prints visits; null when it is not here. */
  readonly visit: VisitJson | null;
  /** Of how many others it is said that they may be this device with a new address. */
  readonly mentions: number;
}

export function recall({ tracker, recordOf }: Pipeline, mac: MacAddress): Recalled {
  let visit: VisitJson | null = null;
  let mentions = 0;
  for (const open of tracker.open()) {
    if (open.kin?.mac === mac) mentions++;
    if (open.mac !== mac) continue;
    // Until its first burst has gone quiet there is no record.
    visit = visitJson(recordOf(open) ?? { visit: open, startMs: null, decision: null, settlement: null, report: null });
  }
  return { visit, mentions };
}
