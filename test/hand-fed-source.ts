// Frames that a test hands over itself, as a live interface would.
import { parseMac } from '../src/addresses/mac-address.js';
import type { FrameHandler, FrameSource, KeepAliveHandler } from '../src/capture/frame-source.js';
import { ARP, arp, ethernet } from './decode/frames.js';

export class HandFedSource implements FrameSource {
  private onFrame: FrameHandler = () => {};
  private onKeepAlive: KeepAliveHandler = () => {};
  private end = () => {};

  run(onFrame: FrameHandler, onKeepAlive: KeepAliveHandler = () => {}): Promise<void> {
    this.onFrame = onFrame;
    this.onKeepAlive = onKeepAlive;
    return new Promise((resolve) => {
      this.end = resolve;
    });
  }

  stop(): void {
    this.end();
  }

  give(bytes: Uint8Array, atMs: number): void {
    this.onFrame(Buffer.from(bytes), bytes.length, atMs, 'ethernet');
  }

  /** A broadcast or multicast frame that holds no sighting. */
  keepAlive(mac: string, atMs: number): void {
    this.onKeepAlive(parseMac(mac) ?? 0, atMs);
  }

  /** An ARP request of the device. */
  announce(mac: string, atMs = Date.now()): void {
    this.give(ethernet(ARP, arp({ sha: mac }), { source: mac }), atMs);
  }
}
