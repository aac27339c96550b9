// The door of this room: frames come from a source, whatever it reads from.
import type { MacAddress } from '../addresses/mac-address.js';
import type { LinkType } from '../decode/link-layer.js';

/** Takes in one frame. `frame` is reused: only its first `length` bytes mean anything, and only during the call. */
export type FrameHandler = (frame: Buffer, length: number, eventMs: number, linkType: LinkType) => void;

/** Hears that a device sent a broadcast or multicast frame that `FrameHandler` is not given. */
export type KeepAliveHandler = (mac: MacAddress, eventMs: number) => void;

/** Where frames come from. */
export interface FrameSource {
  /** Resolves when there are no more frames, or after `stop`. Without `onKeepAlive` nothing is captured for it. */
  run(onFrame: FrameHandler, onKeepAlive?: KeepAliveHandler): Promise<void>;
  stop(): void;
}
