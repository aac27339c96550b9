// What the pipeline takes frames from: a source, which may be live interfaces, capture files, or a test.
import type { MacAddress } from '../addresses/mac-address.js';
import type { LinkType } from '../decode/link-layer.js';

/**
 * Takes in a frame. `frame` is reused: only its first `length` bytes are valid, and only during the call. `heardOn` is the bit of the
 * interface that heard it, where the source has several.
 */
export type FrameHandler = (
  frame: Buffer,
  length: number,
  eventMs: number,
  linkType: LinkType,
  heardOn?: number,
) => void;

/** Takes in the source of a broadcast or multicast frame that `FrameHandler` is not given. */
export type KeepAliveHandler = (mac: MacAddress, eventMs: number) => void;

/** Where frames come from. */
export interface FrameSource {
  /** Resolves when there are no more frames, or after `stop`. Without `onKeepAlive`, keep-alives are not captured. */
  run(onFrame: FrameHandler, onKeepAlive?: KeepAliveHandler): Promise<void>;
  stop(): void;
}
