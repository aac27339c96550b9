// Numbers of frames since the start.
import type { Malformed } from '../decode/sighting.js';

export interface FrameCounts {
  frames: number;
  sightings: number;
  /** Broadcast and multicast frames that cannot hold a sighting. */
  keepAlives: number;
  malformed: number;
  readonly malformedBy: Map<Malformed, number>;
}
