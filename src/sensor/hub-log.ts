// What a hub logs. Addresses are masked as everywhere; tokens are never part of a line.
import type { MacAddress } from '../addresses/mac-address.js';
import type { Config } from '../config/config.js';
import type { LabelKind } from '../devices/labels.js';
import type { Taken } from '../hub/intake.js';
import type { KnownSensor } from '../hub/sensor-tokens.js';
import { type Logger, type MacForLog, macForLog, textForLog } from './log.js';
import { redisTrouble } from './redis-connection.js';

/** The same trouble of the same sensor is logged once in this time. */
const SAY_EVERY_MS = 60_000;
/** Senders and reasons that are remembered for that. */
const MAX_SAID = 10_000;

export class HubLog {
  private readonly mac: MacForLog;
  private readonly saidMs = new Map<string, number>();

  constructor(
    private readonly log: Logger,
    private readonly logMacs: Config['logMacs'],
  ) {
    this.mac = macForLog(logMacs);
  }

  onTaken(location: number, taken: Taken, mac: MacAddress): void {
    const about = { location, mac: this.mac(mac) };
    switch (taken.kind) {
      case 'taken':
        if (taken.settled === null) this.log.debug({ ...about, decision: taken.decision.kind }, 'visit goes on');
        else this.log.info({ ...about, decision: taken.decision.kind, settlement: taken.settled }, 'visit');
        return;
      case 'refused':
        if (this.isNews(`${location} ${taken.reason}`))
          this.log.warn({ ...about, cause: taken.reason }, 'visit refused');
        return;
      case 'not-ready':
        return;
    }
  }

  onRefused(sensor: string | null, from: string, why: string): void {
    if (this.isNews(`${sensor ?? from} ${why}`)) this.log.warn({ sensor, from, cause: why }, 'message not taken');
  }

  onTrouble(error: unknown): void {
    const cause = redisTrouble(error instanceof Error ? error.message : String(error));
    if (this.isNews('trouble'))
      this.log.warn({ cause: textForLog(cause, this.logMacs) }, 'nothing can be taken now; sensors keep their visits');
  }

  onLabelled({ name, businessId }: KnownSensor, mac: MacAddress, kind: LabelKind | null): void {
    const about = { location: businessId, sensor: name, mac: this.mac(mac) };
    if (kind === null) this.log.info(about, 'label removed by a sensor');
    else this.log.info({ ...about, as: kind }, 'label set by a sensor');
  }

  private isNews(kind: string): boolean {
    const nowMs = performance.now();
    if (nowMs - (this.saidMs.get(kind) ?? Number.NEGATIVE_INFINITY) < SAY_EVERY_MS) return false;
    if (this.saidMs.size >= MAX_SAID) this.saidMs.clear();
    this.saidMs.set(kind, nowMs);
    return true;
  }
}
