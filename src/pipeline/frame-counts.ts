// What is counted of frames since the start.
import type { Malformed } from '../decode/sighting.js';

export interface FrameCounts {
  frames: number;
  sightings: number;
  /** Other broadcast and multicast frames of devices. */
  keepAlives: number;
  malformed: number;
  readonly malformedBy: Map<Malformed, number>;
}
