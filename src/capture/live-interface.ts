// Frames from one live interface, through libpcap in immediate mode, with the filter in the kernel.
import type { PcapSession } from 'pcap';
import type { LinkType } from '../decode/frame.js';
import { captureFilter } from './bpf-filter.js';
import { CaptureError, captureErrorOf } from './capture-error.js';
import type { FrameHandler } from './frame-source.js';
import { linkTypeOf, unsupportedLinkType } from './link-type.js';
import {
  type ClosedOpening,
  captureWithBreaks,
  type LiveCapture,
  type OpenInterface,
  openingClosed,
  openingFreed,
  Turn,
} from './live-capture.js';
import {
  BROKEN_OFF,
  FAILED,
  loadPcap,
  type NativeSession,
  type SessionInternals,
  sessionCounts,
} from './pcap-session.js';

/** Enough for a DHCP message with all its options behind any tags. */
const SNAPLEN = 1600;
/** Kernel buffer, for about a thousand frames. libpcap's default is 10 MB. */
const BUFFER_BYTES = 2 * 1024 * 1024;
const PAUSE_AFTER_TURN_MS = 10;

export interface LiveCaptureOptions {
  readonly promiscuous: boolean;
  readonly ipv6: boolean;
}

/** A capture of frames. It can send as well, with no more privilege than capturing needs. */
export interface FrameCapture extends LiveCapture {
  /** Sends a frame as it is. Returns false when it could not be sent. */
  inject(frame: Buffer): boolean;
}

/**
 * Native sessions that were freed. They must never be garbage collected: pcap 3.1 frees the memory of their poll handles then, and
 * libuv still has these in its list. Each takes a few hundred bytes, and there is one for each opening.
 */
const freedSessions: NativeSession[] = [];

/** In place of a freed session's functions, which would keep the whole opening and its buffers in memory. */
const doNothing = (): number => 0;

/** One opening of an interface: pcap's session, corrected where it ignores errors or frees too early. */
class Opening implements OpenInterface, ClosedOpening {
  isAlive = true;
  /** As given to `read`. */
  linkType: LinkType = 'ethernet';
  /** The link type as pcap names it. */
  readonly linkTypeName: string;
  private readonly session: PcapSession & SessionInternals;
  private isOpen = true;
  private isDispatching = false;
  private isFreed = false;
  private readonly turn = new Turn();
  private turns = 0;
  private framesInTurn = 0;

  /** @throws Error with libpcap's words */
  constructor(name: string, filter: string, options: LiveCaptureOptions) {
    this.session = loadPcap().createSession(name, {
      filter,
      buffer_size: BUFFER_BYTES,
      buffer_timeout: 0, // immediate mode
      snap_length: SNAPLEN,
      promiscuous: options.promiscuous,
    }) as PcapSession & SessionInternals;
    this.linkTypeName = this.session.link_type;
    const { session: native } = this.session;
    const dispatch = native.dispatch.bind(native);
    // pcap ignores what dispatch returns, and calls it once after opening even when the session is freed by then.
    native.dispatch = (buffer, header) => {
      if (this.isDispatching) return 0;
      this.turn.begin();
      this.framesInTurn = 0;
      this.isDispatching = true;
      const result = dispatch(buffer, header);
      this.isDispatching = false;
      // pcap starts the first turn. Every later turn starts because the socket has frames or an error. After an error libuv stops
      // to poll the socket, and libpcap does not report the error when the interface was down for a moment only.
      if (result === FAILED || (result === 0 && this.framesInTurn === 0 && this.turns > 0)) this.isAlive = false;
      this.turns++;
      if (result === BROKEN_OFF) {
        this.isFreed = true;
        native.dispatch = doNothing;
        native.read_callback = doNothing;
        freedSessions.push(native);
        openingFreed(this);
      }
      return result;
    };
  }

  /** Hands over frames from now on. `onLongTurn` is called when a turn took too long; it may close the opening. */
  read(linkType: LinkType, onFrame: FrameHandler, onLongTurn: () => void): void {
    this.linkType = linkType;
    const { buf, header } = this.session;
    this.session.on('packet', () => {
      this.framesInTurn++;
      const eventMs = header.readUInt32LE(0) * 1_000 + Math.floor(header.readUInt32LE(4) / 1_000);
      onFrame(buf, Math.min(header.readUInt32LE(8), buf.length), eventMs, linkType);
      if (this.turn.isTooLong()) onLongTurn();
    });
  }

  stats(): { received: number; dropped: number } {
    return this.isFreed ? { received: 0, dropped: 0 } : sessionCounts(this.session);
  }

  /** Returns false when the frame could not be sent. */
  inject(frame: Buffer): boolean {
    if (!this.isOpen) return false;
    try {
      this.session.inject(frame);
      return true;
    } catch {
      // The interface is going down, or its queue is full.
      return false;
    }
  }

  /** Ends the handing over of frames. `freeClosedCaptures` frees the session later. */
  close(): void {
    this.isOpen = false;
    this.session.close();
    openingClosed(this);
  }

  free(): void {
    this.session.session.dispatch(this.session.buf, this.session.header);
  }
}

/**
 * Opens `name` and calls `onFrame` for each frame that the filter lets through, until `close`.
 * @throws CaptureError when the interface cannot be captured on.
 */
export function captureLive(name: string, options: LiveCaptureOptions, onFrame: FrameHandler): FrameCapture {
  let latest: Opening | undefined;
  const capture = captureWithBreaks(PAUSE_AFTER_TURN_MS, (onLongTurn) => {
    const { opening, linkType } = openWithFilter(name, options);
    opening.read(linkType, onFrame, onLongTurn);
    latest = opening;
    return opening;
  });
  return Object.assign(capture, { inject: (frame: Buffer) => latest?.inject(frame) ?? false });
}

/**
 * The filter depends on the link type, which is known only after opening. So the interface is opened for Ethernet first, as nearly
 * all are.
 */
function openWithFilter(name: string, options: LiveCaptureOptions): { opening: Opening; linkType: LinkType } {
  const first = openFor(name, 'ethernet', options);
  const linkType = linkTypeOf(first.linkTypeName);
  if (linkType === 'ethernet') return { opening: first, linkType };
  first.close();
  if (linkType === null) {
    throw new CaptureError('unsupported', `cannot capture on ${name}: ${unsupportedLinkType(first.linkTypeName)}`);
  }
  return { opening: openFor(name, linkType, options), linkType };
}

function openFor(name: string, linkType: LinkType, options: LiveCaptureOptions): Opening {
  try {
    return new Opening(name, captureFilter(linkType, { ipv6: options.ipv6 }), options);
  } catch (error) {
    throw captureErrorOf(name, error);
  }
}
