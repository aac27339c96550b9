// A capture file as a live interface: its frames come again at their own intervals, only faster, and as if they were captured now.

import type { MacAddress } from '../../src/addresses/mac-address.js';
import { readCaptureFile } from '../../src/capture/capture-file.js';
import type { FrameHandler, KeepAliveHandler } from '../../src/capture/frame-source.js';
import type { InterfaceState, WatchedSource } from '../../src/capture/interface-watch.js';
import type { LinkType } from '../../src/decode/link-layer.js';

type Heard =
  | { readonly kind: 'frame'; readonly atMs: number; readonly bytes: Buffer; readonly linkType: LinkType }
  | { readonly kind: 'keep-alive'; readonly atMs: number; readonly mac: MacAddress };

export class PlayedCapture implements WatchedSource {
  private readonly state: InterfaceState;
  private timer: NodeJS.Timeout | undefined;
  private end = () => {};

  private constructor(
    name: string,
    private readonly heard: readonly Heard[],
    private readonly speed: number,
  ) {
    this.state = {
      name,
      state: 'capturing',
      reason: null,
      sinceMs: performance.now(),
      isSilent: false,
      lastFrameMs: null,
      frames: 0,
      keepAlives: 0,
      droppedByKernel: 0,
      droppedByInterface: 0,
      brokenOff: 0,
      droppedKeepAlives: 0,
      brokenOffKeepAlives: 0,
      keepAliveFailure: null,
      reopened: 0,
      probes: 0,
      probeObstacle: null,
    };
  }

  /** `speed`: how many times faster. @throws Error when the file cannot be read to its end */
  static async open(path: string, name: string, speed: number): Promise<PlayedCapture> {
    const heard: Heard[] = [];
    const end = await readCaptureFile(
      path,
      { ipv6: true },
      (frame, length, atMs, linkType) =>
        heard.push({ kind: 'frame', atMs, bytes: Buffer.from(frame.subarray(0, length)), linkType }),
      (mac, atMs) => heard.push({ kind: 'keep-alive', atMs, mac }),
    );
    if (!end.complete) throw new Error(end.reason);
    return new PlayedCapture(name, heard, speed);
  }

  /** Resolves after `stop`. After the last frame nothing more comes: everybody leaves. */
  run(onFrame: FrameHandler, onKeepAlive: KeepAliveHandler = () => {}): Promise<void> {
    const startedMs = performance.now();
    const firstMs = this.heard[0]?.atMs ?? 0;
    let next = 0;
    const play = () => {
      const playedMs = firstMs + (performance.now() - startedMs) * this.speed;
      for (let heard = this.heard[next]; heard !== undefined && heard.atMs <= playedMs; heard = this.heard[++next]) {
        this.state.lastFrameMs = performance.now();
        if (heard.kind === 'frame') {
          this.state.frames++;
          onFrame(heard.bytes, heard.bytes.length, Date.now(), heard.linkType);
        } else {
          this.state.keepAlives++;
          onKeepAlive(heard.mac, Date.now());
        }
      }
    };
    this.timer = setInterval(play, 20);
    return new Promise((resolve) => {
      this.end = resolve;
    });
  }

  stop(): void {
    clearInterval(this.timer);
    this.end();
  }

  probe(): boolean {
    return false;
  }

  states(): readonly Readonly<InterfaceState>[] {
    return [this.state];
  }
}
