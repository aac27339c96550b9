// A device as the status page and its API show it: from its open visit, and from the diary; and its story.
import { formatMac, type MacAddress } from '../../addresses/mac-address.js';
import { isRandomised, vendorOf } from '../../addresses/vendor.js';
import type { Decision } from '../../devices/decision.js';
import type { LabelJson } from '../../presenters/label-json.js';
import type { VisitJson } from '../../presenters/visit-json.js';
import type { DiaryDecision, DiaryEntry, DiaryVisit } from './diary-entry.js';
import { presenceOf } from './diary-entry.js';
import { type ReportJson, reportJson } from './report-state.js';

export interface DeviceJson extends VisitJson {
  /** Of the visit, as the outbox knows it; null until it is in the register. */
  readonly id: string | null;
  /** Whether the device is here now; otherwise it was here earlier today. */
  readonly here: boolean;
  /** How often it came today: visits of which some part was today. */
  readonly visitsToday: number;
  readonly report: ReportJson;
  /** What an operator said of the device; null when nobody did. */
  readonly label: LabelJson | null;
}

export interface StoryVisitJson {
  readonly from: string;
  /** The last sign of life. */
  readonly to: string;
  /** The device has left since. */
  readonly over: boolean;
  readonly sightings: number;
  readonly keepAlives: number;
  readonly via: readonly string[];
  /** `reported`, `spaced` (unrecognised, but reported a short while before), `recognised`, `ignored`, `labelled`; null: not settled. */
  readonly settlement: DiaryVisit['settlement'];
  /** What was decided, and what became of the report: the latest last. */
  readonly decisions: readonly StoryDecisionJson[];
  readonly reports: readonly ReportJson[];
}

export interface StoryDecisionJson {
  readonly at: string;
  readonly decision: DiaryDecision['kind'];
  readonly reason: string;
  readonly coworker: { readonly id: number | null; readonly name: string } | null;
}

/** Most likely the same device under another address. */
export interface KinJson {
  readonly mac: string;
  /** What both have shown. */
  readonly by: string;
  /** Whether it is the address that this device had before, or has had since. */
  readonly is: 'earlier' | 'later';
}

export interface SuggestionJson {
  readonly type: 'suggestion';
  readonly mac: string;
  readonly hostname: string | null;
  readonly vendor: string | null;
  readonly kind: string | null;
  readonly lastSeen: string;
  /** Each the end of a sentence that begins with "it". */
  readonly reasons: readonly string[];
  /** It answers as a server: that of an attacker looks the same. */
  readonly needsCare: boolean;
}

export interface StoryJson {
  readonly device: DeviceJson;
  /** The MAC address as the field *MAC addresses* of a customer in Nexudus takes it. */
  readonly nexudusMac: string;
  /** The day it is at the location. */
  readonly day: { readonly date: string; readonly from: string };
  /** All that is kept, the earliest first. */
  readonly visits: readonly StoryVisitJson[];
  /** What it called itself and which addresses it used, the latest last. */
  readonly hostnames: readonly string[];
  readonly ips: readonly string[];
  readonly kin: readonly KinJson[];
  /** Why it looks like equipment; null when it does not, or is known as something. */
  readonly suggestion: SuggestionJson | null;
}

/** How often a device was here since `fromMs`. */
export function visitsSince(visits: readonly DiaryVisit[], fromMs: number): number {
  return presenceOf(visits).filter(({ toMs }) => toMs >= fromMs).length;
}

/** What a device is by now: of a visit that is over, or open in another sensor. */
export type Standing = Pick<StoryDecisionJson, 'decision' | 'reason' | 'coworker'>;

/** `decision`: as it would be decided now. It counts for what is nobody's or was labelled; what else was decided stays. */
export function standingOf(visit: DiaryVisit, decision: Decision): Standing {
  const told = visit.decisions.at(-1);
  const isOpen = told === undefined || told.byLabel || told.kind === 'unrecognised' || told.kind === 'pending';
  if (!isOpen && decision.label === undefined)
    return { decision: told.kind, reason: told.reason, coworker: told.owner };
  const { kind, reason, hint, owner } = decision;
  return {
    decision: kind,
    reason: hint === null ? reason : `${reason}; ${hint.text}`,
    coworker: owner === null ? null : { id: owner.kind === 'coworker' ? owner.id : null, name: owner.name },
  };
}

/** A visit that is not open in this sensor. */
export function diaryVisitJson(mac: MacAddress, visit: DiaryVisit, standing: Standing): VisitJson {
  return {
    type: 'visit',
    mac: formatMac(mac),
    vendor: vendorOf(mac),
    randomised: isRandomised(mac),
    kind: visit.kind,
    firstSeen: iso(visit.startMs),
    lastSeen: iso(visit.lastMs),
    sightings: visit.sightings,
    lastSighting: iso(visit.lastSightingMs),
    keepAlives: visit.keepAlives,
    via: [...visit.via].sort(),
    ips: visit.ips,
    hostname: visit.hostnames.at(-1) ?? null,
    vendorClass: visit.vendorClass,
    vlan: visit.vlan,
    ...standing,
    failedCheckin: null,
  };
}

/** What the diary knows of a device, where its latest visit has not shown it (again): after a restart, say. */
export function withDiary(json: VisitJson, { visits }: DiaryEntry): VisitJson {
  return {
    ...json,
    hostname: json.hostname ?? visits.findLast(({ hostnames }) => hostnames.length > 0)?.hostnames.at(-1) ?? null,
    vendorClass: json.vendorClass ?? visits.findLast(({ vendorClass }) => vendorClass !== null)?.vendorClass ?? null,
    kind: json.kind ?? visits.findLast(({ kind }) => kind !== null)?.kind ?? null,
    vlan: json.vlan ?? visits.findLast(({ vlan }) => vlan !== null)?.vlan ?? null,
    ips: json.ips.length > 0 ? json.ips : (visits.findLast(({ ips }) => ips.length > 0)?.ips ?? []),
  };
}

export function storyVisitJson(visit: DiaryVisit, over: boolean): StoryVisitJson {
  return {
    from: iso(visit.firstMs),
    to: iso(visit.lastMs),
    over,
    sightings: visit.sightings,
    keepAlives: visit.keepAlives,
    via: [...visit.via].sort(),
    settlement: visit.settlement,
    decisions: visit.decisions.map(({ atMs, kind, reason, owner }) => ({
      at: iso(atMs),
      decision: kind,
      reason,
      coworker: owner,
    })),
    reports: visit.reports.map(reportJson),
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
