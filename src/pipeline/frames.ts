// What happens to one frame: it is decoded, counted, and what it shows goes to the tracker.
import type { MacAddress } from '../addresses/mac-address.js';
import type { FrameHandler, KeepAliveHandler } from '../capture/frame-source.js';
import { decodeFrame } from '../decode/frame.js';
import { Announcement, Sighting } from '../decode/sighting.js';
import type { DirectoryView } from '../devices/directory/directory.js';
import type { Equipment } from '../devices/equipment.js';
import type { FloodGuard } from '../visits/flood-guard.js';
import type { VisitTracker } from '../visits/visit-tracker.js';
import type { FrameCounts } from './frame-counts.js';
import type { Listeners } from './listeners.js';

/** Tells when a frame came, where the clock of the machine may be wrong. */
export interface EventClock {
  /** Whether event times can be relied on. Once true it stays so. */
  readonly isTrusted: boolean;
  /** The event time of a frame that the machine's clock gave the time `wallMs`. Before the clock is trusted it is provisional. */
  eventMs(wallMs: number, steadyMs: number): number;
}

/** Live, gaps and delays run on a clock that never jumps, and new devices must pass the guard. */
export interface LiveTime {
  readonly kind: 'live';
  readonly steadyMs: () => number;
  readonly guard: FloodGuard;
  /** Left out: the machine's clock is right. */
  readonly clock?: EventClock;
}

/** In a replay time is the capture's own, and everything in it is wanted. */
export type PipelineTime = LiveTime | { readonly kind: 'replay' };

export interface FrameEdges {
  readonly time: PipelineTime;
  readonly gapMs: number;
  readonly tracker: VisitTracker;
  readonly directory: DirectoryView;
  readonly equipment: Equipment;
  readonly listeners: Listeners;
}

export interface FrameHandlers {
  readonly onFrame: FrameHandler;
  readonly onKeepAlive: KeepAliveHandler;
}

/** Makes the handlers for what a pipeline's source gives. They count into `counts`. */
export function frameHandlers(edges: FrameEdges, counts: FrameCounts): FrameHandlers {
  const { time, gapMs, tracker, directory, equipment, listeners } = edges;
  const sighting = new Sighting();
  const announcement = new Announcement();
  const hearsSightings = listeners.has('onSighting');
  let latestMs = Number.NEGATIVE_INFINITY;

  /** What was due before a frame must not be coloured by it. Returns the steady time of the frame. */
  function advance(eventMs: number): number {
    const steadyMs = time.kind === 'live' ? time.steadyMs() : eventMs;
    if (time.kind === 'replay') {
      // A capture that goes back in time by more than a gap is another recording: what was open is over.
      if (eventMs < latestMs - gapMs) tracker.flush();
      latestMs = eventMs;
    }
    tracker.advance(steadyMs);
    return steadyMs;
  }

  /** When a frame was captured, by a clock that is right as far as anybody knows. */
  function inRightClock(frameMs: number, steadyMs: number): number {
    return time.kind === 'live' ? (time.clock?.eventMs(frameMs, steadyMs) ?? frameMs) : frameMs;
  }

  /** Devices in a visit and known devices go on in any flood. */
  function isLetIn(mac: MacAddress, steadyMs: number): boolean {
    if (time.kind === 'replay' || tracker.has(mac) || directory.lookup(mac) !== null) return true;
    if (time.guard.admits(steadyMs, tracker.size)) return true;
    listeners.emit('onHeldBack', time.guard);
    return false;
  }

  const onFrame: FrameHandler = (frame, length, frameMs, linkType) => {
    counts.frames++;
    const verdict = decodeFrame(frame, length, linkType, sighting, announcement);
    const steadyMs = advance(frameMs);
    const eventMs = inRightClock(frameMs, steadyMs);
    // First, so that a device without a settle time is decided about with what its own frame says.
    if (verdict === 'sighting' || verdict === 'other') equipment.learn(announcement, steadyMs);
    if (verdict === 'sighting') {
      counts.sightings++;
      tracker.attribute(sighting, steadyMs);
      if (hearsSightings) listeners.emit('onSighting', sighting, eventMs);
      if (isLetIn(sighting.mac, steadyMs)) tracker.observe(sighting, eventMs, steadyMs);
    } else if (verdict !== 'other') {
      counts.malformed++;
      counts.malformedBy.set(verdict, (counts.malformedBy.get(verdict) ?? 0) + 1);
      listeners.emit('onMalformed', counts);
      return;
    }
    tracker.advance(steadyMs);
  };

  const onKeepAlive: KeepAliveHandler = (mac, frameMs) => {
    counts.keepAlives++;
    const steadyMs = advance(frameMs);
    tracker.keepAlive(mac, inRightClock(frameMs, steadyMs), steadyMs);
  };

  return { onFrame, onKeepAlive };
}
