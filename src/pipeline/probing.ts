// Asks devices in a visit that have fallen silent whether they are still here (PROBE_PRESENT), at their pace and never in a flood.
// What they answer comes back as a frame like any other.
import type { Probe } from '../capture/probe.js';
import type { FloodGuard } from '../visits/flood-guard.js';
import { PROBE_EVERY_MS, type SilentDevices } from '../visits/silent-devices.js';
import type { Visit } from '../visits/visit.js';

export interface ProbingEdges {
  readonly silent: SilentDevices;
  readonly guard: FloodGuard;
  readonly steadyMs: () => number;
  /** Returns whether a frame was sent. */
  readonly probe: (probe: Probe) => boolean;
}

export class Probing {
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly edges: ProbingEdges) {}

  start(): void {
    const { lookEveryMs } = this.edges.silent;
    this.timer = setTimeout(() => this.go(), lookEveryMs);
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private go(): void {
    const { silent, guard, steadyMs, probe } = this.edges;
    const nowMs = steadyMs();
    const ask = ({ mac, ipv4s, ipv6s, heardOn }: Visit, earlier: number) =>
      probe({ mac, ipv4s, ipv6s, heardOn, earlier });
    const isSent = !guard.isHoldingBack(nowMs) && silent.ask(nowMs, ask);
    this.timer = setTimeout(() => this.go(), isSent ? PROBE_EVERY_MS : silent.lookEveryMs);
  }
}
