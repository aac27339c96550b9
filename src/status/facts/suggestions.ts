// The devices of the diary that look like equipment: what the status page and `wifi-monitor suggest` show.
import { formatMac } from '../../addresses/mac-address.js';
import { vendorOf } from '../../addresses/vendor.js';
import { nightsBefore, suggestionFor } from '../../devices/suggestion.js';
import type { SuggestionJson } from './device-json.js';
import { type DiaryEntry, latestOf, presenceOf } from './diary-entry.js';

export interface DiarySuggestion {
  readonly entry: DiaryEntry;
  readonly json: SuggestionJson;
}

/** Whether or not they are known as something. Those that need care come last, the others by their last sign of life. */
export function suggestionsIn(
  entries: Iterable<DiaryEntry>,
  nowMs: number,
  timeZone: string | null,
): readonly DiarySuggestion[] {
  const nights = nightsBefore(nowMs, timeZone);
  const found: DiarySuggestion[] = [];
  for (const entry of entries) {
    const { hostnames, lastMs } = latestOf(entry);
    // After a restart a device shows less of itself than when it joined.
    const shown = <K extends 'kind' | 'vendorClass' | 'service'>(fact: K) =>
      entry.visits.findLast((visit) => visit[fact] !== null)?.[fact] ?? null;
    const [kind, vendorClass, service] = [shown('kind'), shown('vendorClass'), shown('service')];
    const presence = presenceOf(entry.visits);
    const suggestion = suggestionFor({ kind, vendorClass, service, presence }, nights);
    if (suggestion === null) continue;
    const json: SuggestionJson = {
      type: 'suggestion',
      mac: formatMac(entry.mac),
      hostname: hostnames.at(-1) ?? null,
      vendor: vendorOf(entry.mac),
      kind,
      lastSeen: new Date(lastMs).toISOString(),
      ...suggestion,
    };
    found.push({ entry, json });
  }
  return found.sort(
    ({ json: a, entry: first }, { json: b, entry: second }) =>
      Number(a.needsCare) - Number(b.needsCare) || latestOf(second).lastMs - latestOf(first).lastMs,
  );
}
