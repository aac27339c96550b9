// The door of this room: frames come from a source, whatever it reads from.
import type { LinkType } from '../decode/link-layer.js';

/** Takes in one frame. `frame` is reused: only its first `length` bytes mean anything, and only during the call. */
export type FrameHandler = (frame: Buffer, length: number, eventMs: number, linkType: LinkType) => void;

/** Where frames come from. `run` resolves when there are no more, or after `stop`. */
export interface FrameSource {
  run(onFrame: FrameHandler): Promise<void>;
  stop(): void;
}
