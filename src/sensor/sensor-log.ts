// The log of a sensor: a line for each decision, each delivery and each change of an interface. The same trouble is logged once a
// minute.
import type { MacAddress } from '../addresses/mac-address.js';
import { vendorOf } from '../addresses/vendor.js';
import type { InterfaceState } from '../capture/interface-watch.js';
import type { Config } from '../config/config.js';
import type { Decision } from '../devices/decision.js';
import type { EquipmentConflict, LearnedRole } from '../devices/equipment.js';
import type { LabelKind, LabelView } from '../devices/labels.js';
import { attemptTime } from '../nexudus/failed-checkin.js';
import type { Outcome } from '../outbox/outbox.js';
import type { Report } from '../outbox/report.js';
import type { FrameCounts } from '../pipeline/frame-counts.js';
import type { PipelineListener } from '../pipeline/listeners.js';
import type { VisitRecord } from '../pipeline/record.js';
import type { FloodGuard } from '../visits/flood-guard.js';
import { type Logger, type MacForLog, macForLog, textForLog } from './log.js';
import { redisTrouble } from './redis-connection.js';

const TROUBLE_EVERY_MS = 60_000;
const LOOK_AT_FLOOD_EVERY_MS = 1_000;
/** If more labels have changed at once, as at the start, only their number is logged. */
const MAX_LABEL_LINES = 20;

export class SensorLog implements PipelineListener {
  private readonly visits: Logger;
  private readonly outbox: Logger;
  private readonly capture: Logger;
  private readonly labels: Logger;
  private readonly mac: MacForLog;
  private readonly troubleMs = new Map<string, number>();
  private floodTimer: NodeJS.Timeout | undefined;

  constructor(
    log: Logger,
    private readonly logMacs: Config['logMacs'],
  ) {
    this.visits = log.child({ stage: 'visits' });
    this.outbox = log.child({ stage: 'outbox' });
    this.capture = log.child({ stage: 'capture' });
    this.labels = log.child({ stage: 'labels' });
    this.mac = macForLog(logMacs);
  }

  onDecision({ visit, decision, settlement }: VisitRecord): void {
    const mac = this.mac(visit.mac);
    this.visits.info(
      { mac, vendor: vendorOf(visit.mac), decision: decision?.kind, settlement, ...reasonForLog(decision) },
      'visit',
    );
    this.visits.debug(
      { mac, hostname: visit.hostname, ips: visit.ipv4s.length, via: visit.via, vlan: visit.vlan },
      'what the device showed',
    );
  }

  onDecidedAnew({ visit, decision, settlement }: VisitRecord, before: Decision): void {
    if (decision?.reason === before.reason) return;
    this.visits.info(
      {
        mac: this.mac(visit.mac),
        decision: decision?.kind,
        before: before.kind,
        settlement,
        ...reasonForLog(decision),
      },
      'visit decided anew: the device was labelled, or registered, or is no longer',
    );
  }

  /** Labels of this location came into force, or were removed: by the page or API of any sensor, or by the command. */
  onLabels(changed: ReadonlySet<MacAddress>, labels: LabelView): void {
    if (changed.size > MAX_LABEL_LINES) {
      this.labels.info({ devices: changed.size }, 'labels have changed');
      return;
    }
    for (const mac of changed) {
      const label = labels.of(mac);
      if (label === null) this.labels.info({ mac: this.mac(mac) }, 'label removed');
      else this.labels.info({ mac: this.mac(mac), as: label.kind }, 'label in force');
    }
  }

  /** A device was labelled through this sensor's page or API. `kind` is null when the label was removed. */
  onLabelAsked(mac: MacAddress, kind: LabelKind | null, from: string): void {
    const about = { mac: this.mac(mac), from };
    if (kind === null) this.labels.info(about, 'label removed through the API');
    else this.labels.info({ ...about, as: kind }, 'label set through the API');
  }

  onEnded({ visit, decision }: VisitRecord): void {
    this.visits.debug({ mac: this.mac(visit.mac), decision: decision?.kind, sightings: visit.sightings }, 'visit over');
  }

  onTrouble(error: unknown): void {
    const cause = redisTrouble(error instanceof Error ? error.message : String(error));
    if (this.isNews('keeping'))
      this.visits.warn({ cause: this.text(cause) }, 'visits cannot be kept; they wait in memory and are tried again');
  }

  onGivenUp({ visit }: VisitRecord): void {
    if (this.isNews('given-up'))
      this.visits.error({ mac: this.mac(visit.mac) }, 'too many visits wait: the oldest are given up');
  }

  onMalformed({ malformed, malformedBy }: FrameCounts): void {
    if (!this.isNews('malformed')) return;
    this.capture.warn(
      { malformed, by: Object.fromEntries(malformedBy) },
      'frames that cannot be decoded are left out (numbers since the start)',
    );
  }

  /** Called for every frame of a flood. It is logged once a minute, and when it is over. */
  onHeldBack(guard: FloodGuard): void {
    if (this.isNews('flood')) {
      this.visits.warn(
        { refused: guard.refused },
        guard.isOutboxFull
          ? 'the outbox is full: new devices are not reported until it is shorter'
          : 'suspected flood: too many new devices at once; known devices and open visits go on, further new ones are not reported',
      );
    }
    this.floodTimer ??= setInterval(() => {
      if (guard.isHoldingBack(performance.now())) return;
      clearInterval(this.floodTimer);
      this.floodTimer = undefined;
      this.visits.info({ refused: guard.refused }, 'the flood is over: new devices are reported again');
    }, LOOK_AT_FLOOD_EVERY_MS).unref();
  }

  onRepeater(mac: MacAddress): void {
    if (this.isNews('repeater'))
      this.visits.info(
        { mac: this.mac(mac) },
        'a device passes on the frames of others as its own (a repeater): they count for the devices behind it',
      );
  }

  onRole({ mac, role }: LearnedRole): void {
    this.visits.info({ mac: this.mac(mac), role }, 'equipment learned');
  }

  onConflict({ kind, mac }: EquipmentConflict): void {
    if (!this.isNews(kind)) return;
    const words: Record<EquipmentConflict['kind'], string> = {
      'second-dhcp-server': 'a second DHCP server answers on this network',
      'second-gateway-claimant': "a second device claims the gateway's address; it is treated as a visitor",
    };
    this.visits.warn({ mac: this.mac(mac) }, words[kind]);
  }

  onDryRun({ mac, startMs }: Report): void {
    this.outbox.info(
      { mac: this.mac(mac), vendor: vendorOf(mac), attempt: attemptTime(startMs) },
      'dry run: this failed check-in would be posted',
    );
  }

  onDropped(reports: number): void {
    this.outbox.error({ reports }, 'failed check-ins were dropped: they had waited for longer than OUTBOX_RETENTION');
  }

  onOutcome({ mac, startMs }: Report, outcome: Outcome): void {
    const about = { mac: this.mac(mac), attempt: attemptTime(startMs) };
    switch (outcome.kind) {
      case 'posted':
        this.outbox.info({ ...about, record: outcome.recordId }, 'failed check-in posted');
        break;
      case 'found':
        this.outbox.info({ ...about, record: outcome.recordId }, 'failed check-in had been posted before');
        break;
      case 'handed-over':
        this.outbox.debug({ ...about, decision: outcome.decision.kind }, 'visit handed over to the hub');
        break;
      case 'not-needed':
        this.outbox.info(about, 'failed check-in not needed any more');
        break;
      case 'pause':
        if (this.isNews(outcome.reason)) {
          this.outbox.warn({ cause: this.text(outcome.reason), waitMs: outcome.ms }, 'delivery waits; nothing is lost');
        }
        break;
      case 'pause-own':
        if (this.isNews(outcome.reason)) {
          this.outbox.warn(
            { cause: this.text(outcome.reason), waitMs: outcome.ms },
            'this monitor does not deliver for now; nothing is lost',
          );
        }
        break;
      case 'await-proof':
        if (this.isNews(outcome.reason)) {
          this.outbox.warn(
            { cause: outcome.reason },
            'failed check-ins of devices that showed themselves once wait: the day has few posts left',
          );
        }
        break;
      case 'put-back':
        // A location whose reports are all refused could fill the log.
        if (outcome.isRefused && !this.isNews(outcome.reason)) break;
        this.outbox.warn(
          { ...about, cause: this.text(outcome.reason) },
          'failed check-in put back, the next one goes ahead',
        );
        break;
      case 'refused':
        this.outbox.error(
          { ...about, cause: this.text(outcome.reason) },
          'Nexudus refuses this failed check-in; it is kept as failed',
        );
        break;
    }
  }

  onInterface({ name, state, reason }: Readonly<InterfaceState>, before: InterfaceState['state'] | null): void {
    const about = { interface: name };
    if (state !== 'capturing') this.capture.warn(about, `${name}: ${reason ?? state}`);
    else
      this.capture.info(
        about,
        before === null ? `listening on ${name}` : `listening on ${name} again (was: ${before})`,
      );
  }

  onSilence({ name, isSilent, reopened }: Readonly<InterfaceState>): void {
    const about = { interface: name, reopened };
    if (isSilent) {
      this.capture.warn(
        about,
        `${name}: no frame for longer than SILENCE_ALARM although the link is up. A mirror port or a cable may be dead`,
      );
    } else this.capture.info(about, `${name}: frames arrive again`);
  }

  onKeepAliveFailure({ name, keepAliveFailure: cause }: Readonly<InterfaceState>): void {
    const about = { interface: name };
    if (cause === null) this.capture.info(about, `${name}: keep-alives are heard again`);
    else this.capture.warn({ ...about, cause }, `${name}: keep-alives cannot be heard, so visits may end too early`);
  }

  onProbeObstacle({ name, probeObstacle }: Readonly<InterfaceState>): void {
    const about = { interface: name };
    if (probeObstacle === null) this.capture.info(about, `${name}: devices that are silent are asked (PROBE_PRESENT)`);
    else this.capture.warn(about, `${name}: no device is asked through it (PROBE_PRESENT), because ${probeObstacle}`);
  }

  onLoss({ name, droppedByKernel, droppedByInterface, brokenOff }: Readonly<InterfaceState>): void {
    if (!this.isNews(`loss on ${name}`)) return;
    this.capture.warn(
      { interface: name, droppedByKernel, droppedByInterface, brokenOff },
      `${name}: frames were lost, more arrive than this machine can take (numbers since the start)`,
    );
  }

  private text(text: string): string {
    return textForLog(text, this.logMacs);
  }

  private isNews(kind: string): boolean {
    const now = performance.now();
    if (now - (this.troubleMs.get(kind) ?? Number.NEGATIVE_INFINITY) < TROUBLE_EVERY_MS) return false;
    if (this.troubleMs.size > 100) this.troubleMs.clear();
    this.troubleMs.set(kind, now);
    return true;
  }
}

/** Without names of people, which are not logged. Staff can use the id of the coworker in Nexudus. */
function reasonForLog(decision: Decision | null): { readonly reason?: string; readonly coworker?: number } {
  if (decision === null) return {};
  const { label, owner, reason } = decision;
  // The reason may contain a name.
  if (label !== undefined) return { reason: `labelled as ${label}` };
  switch (owner?.kind) {
    case undefined:
      return { reason };
    case 'local':
      return { reason: 'in the local list' };
    case 'staff':
      return { reason: 'registered in Nexudus' };
    case 'coworker':
      return { reason: 'registered in Nexudus', coworker: owner.id };
  }
}
