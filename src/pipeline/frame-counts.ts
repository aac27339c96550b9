// What is counted of frames since the start.
import type { Malformed } from '../decode/sighting.js';

export interface FrameCounts {
  frames: number;
  sightings: number;
  malformed: number;
  readonly malformedBy: Map<Malformed, number>;
}
