// Frames that a test hands over itself, as a live interface would.
import type { FrameHandler, FrameSource } from '../src/capture/frame-source.js';
import { ARP, arp, ethernet } from './decode/frames.js';

export class HandFedSource implements FrameSource {
  private onFrame: FrameHandler = () => {};
  private end = () => {};

  run(onFrame: FrameHandler): Promise<void> {
    this.onFrame = onFrame;
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

  /** An ARP request of the device. */
  announce(mac: string, atMs = Date.now()): void {
    this.give(ethernet(ARP, arp({ sha: mac }), { source: mac }), atMs);
  }
}
