// What happens to a frame: it is decoded and counted, and its sighting goes to the tracker.
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

/** Gives event times, because the clock of the machine may be wrong. */
export interface EventClock {
  /** Whether event times are reliable. Once true, it stays true. */
  readonly isTrusted: boolean;
  /** Returns the event time of a frame. `wallMs` is its time by the machine's clock. Before the clock is trusted it is provisional. */
  eventMs(wallMs: number, steadyMs: number): number;
}

/** Live, gaps and delays are measured with a clock that never jumps, and new devices must pass the flood guard. */
export interface LiveTime {
  readonly kind: 'live';
  readonly steadyMs: () => number;
  readonly guard: FloodGuard;
  /** Left out: the machine's clock is right. */
  readonly clock?: EventClock;
}

/** In a replay all times are the capture's, and there is no guard. */
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

/** Returns the handlers for a source. They add to `counts`. */
export function frameHandlers(edges: FrameEdges, counts: FrameCounts): FrameHandlers {
  const { time, gapMs, tracker, directory, equipment, listeners } = edges;
  const sighting = new Sighting();
  const announcement = new Announcement();
  const hearsSightings = listeners.has('onSighting');
  let latestMs = Number.NEGATIVE_INFINITY;

  /** Does what was due before the frame, so that the frame does not change it. Returns the steady time of the frame. */
  function advance(eventMs: number): number {
    const steadyMs = time.kind === 'live' ? time.steadyMs() : eventMs;
    if (time.kind === 'replay') {
      // If time goes back by more than a gap, another recording begins, and all open visits are over.
      if (eventMs < latestMs - gapMs) tracker.flush();
      latestMs = eventMs;
    }
    tracker.advance(steadyMs);
    return steadyMs;
  }

  /** Returns the event time of a frame, by Nexudus's clock if the machine's is wrong. */
  function inRightClock(frameMs: number, steadyMs: number): number {
    return time.kind === 'live' ? (time.clock?.eventMs(frameMs, steadyMs) ?? frameMs) : frameMs;
  }

  /** Whether a sighting counts. In a flood, devices in a visit and known devices still count. */
  function isLetIn(mac: MacAddress, steadyMs: number): boolean {
    if (time.kind === 'replay' || tracker.has(mac) || directory.lookup(mac) !== null) return true;
    if (time.guard.admits(steadyMs, tracker.size)) return true;
    listeners.emit('onHeldBack', time.guard);
    return false;
  }

  const onFrame: FrameHandler = (frame, length, frameMs, linkType, heardOn = 0) => {
    counts.frames++;
    const verdict = decodeFrame(frame, length, linkType, sighting, announcement);
    const steadyMs = advance(frameMs);
    const eventMs = inRightClock(frameMs, steadyMs);
    // This comes first, because with a settle time of 0 the device is decided about at once.
    if (verdict === 'sighting' || verdict === 'other') equipment.learn(announcement, steadyMs);
    if (verdict === 'sighting') {
      counts.sightings++;
      sighting.heardOn = heardOn;
      sighting.leased = announcement.kind === 'dhcp-ack' && equipment.isDhcpServer(announcement.station);
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
