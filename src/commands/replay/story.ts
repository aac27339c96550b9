// `replay --explain`: the story of a device, with its sightings, how they were folded, the decisions, and what was posted.
import { formatIpv4, formatIpv6 } from '../../addresses/ip-address.js';
import { formatMac, type MacAddress } from '../../addresses/mac-address.js';
import { isRandomised, vendorOf } from '../../addresses/vendor.js';
import { PROTOCOL_NAMES } from '../../decode/protocol.js';
import type { Sighting } from '../../decode/sighting.js';
import { HOSTNAME_LENGTH, safeText, VENDOR_CLASS_LENGTH } from '../../decode/text.js';
import type { PipelineListener } from '../../pipeline/listeners.js';
import type { VisitRecord } from '../../pipeline/record.js';
import { countWords } from '../../presenters/count-words.js';
import { visitJson } from '../../presenters/visit-json.js';
import type { Visit } from '../../visits/visit.js';

/** A longer story is cut here. */
const MAX_LINES = 5_000;

export class Story implements PipelineListener {
  private readonly lines: string[] = [];
  private left = 0;
  private sinceNews = 0;
  private latestMs = 0;

  constructor(private readonly mac: MacAddress) {}

  onSighting(sighting: Readonly<Sighting>, eventMs: number): void {
    if (sighting.mac !== this.mac) return;
    this.latestMs = eventMs;
    this.sinceNews++;
    this.add(eventMs, `seen by ${PROTOCOL_NAMES[sighting.via]}${factsOf(sighting)}`);
  }

  onNews(visit: Visit): void {
    if (visit.mac !== this.mac) return;
    const many = this.sinceNews === 1 ? 'one sighting' : `${this.sinceNews} sightings folded into one`;
    const isFirst = this.sinceNews === visit.sightings;
    this.add(this.latestMs, isFirst ? `  -> the burst went quiet: ${many}` : `  -> still here: ${many}`);
    this.sinceNews = 0;
  }

  onDecision({ visit, decision, settlement, startMs }: VisitRecord): void {
    if (visit.mac !== this.mac || decision === null) return;
    const start = startMs === null ? '' : ` (visit of ${clock(startMs)})`;
    this.add(this.latestMs, `  -> decision: ${decision.kind}, ${decision.reason}${start}`);
    if (decision.hint !== null) this.add(this.latestMs, `     ${decision.hint.text}`);
    if (settlement === 'spaced')
      this.add(this.latestMs, '     reported a short while ago (REPORT_AGAIN_AFTER): not reported again');
  }

  onEnded({ visit }: VisitRecord): void {
    if (visit.mac === this.mac)
      this.add(visit.lastMs, `visit over: last seen here, ${countWords(visit.sightings, 'sighting')} in all`);
  }

  /** Returns the story. `records` are the finished visits of all devices. `posted`: whether check-ins were really posted. */
  text(records: readonly VisitRecord[], posted: boolean): string {
    const mine = records.filter(({ visit }) => visit.mac === this.mac);
    const kind = isRandomised(this.mac) ? 'a private (randomised) address' : (vendorOf(this.mac) ?? 'unknown vendor');
    const seen = mine.length === 0 ? 'not seen' : countWords(mine.length, 'visit');
    const head = `${formatMac(this.mac)}, ${kind}: ${seen}`;
    const more = this.left === 0 ? [] : [`... and ${countWords(this.left, 'line')} more`];
    const ends = mine.map((record) => {
      const { firstSeen, lastSeen, decision, reason, failedCheckin } = visitJson(record);
      const verb = posted ? 'posted' : 'would be posted';
      const body = failedCheckin === null ? 'nothing is posted' : `${verb}: ${JSON.stringify(failedCheckin)}`;
      return `${firstSeen} to ${lastSeen}: ${decision}, ${reason}\n  ${body}`;
    });
    return [head, '', ...this.lines, ...more, '', ...ends].join('\n').trimEnd();
  }

  private add(eventMs: number, text: string): void {
    if (this.lines.length >= MAX_LINES) this.left++;
    else this.lines.push(`${clock(eventMs)}  ${text}`);
  }
}

function clock(eventMs: number): string {
  return new Date(eventMs).toISOString().replace('T', ' ').slice(0, 23);
}

function factsOf(sighting: Readonly<Sighting>): string {
  const { ipv4, ipv6, vlan, forwarded } = sighting;
  const facts = [
    ipv4 === 0 ? null : formatIpv4(ipv4),
    ipv6.length === 0 ? null : formatIpv6(ipv6.bytes, ipv6.start),
    label('host name', safeText(sighting.hostname, HOSTNAME_LENGTH)),
    label('vendor class', safeText(sighting.vendorClass, VENDOR_CLASS_LENGTH)),
    vlan === 0 ? null : `VLAN ${vlan}`,
    forwarded ? 'through another station' : null,
  ].filter((fact) => fact !== null);
  return facts.length === 0 ? '' : `: ${facts.join(', ')}`;
}

function label(name: string, value: string | null): string | null {
  return value === null ? null : `${name} ${value}`;
}
