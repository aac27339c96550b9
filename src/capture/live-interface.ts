// Frames from one live interface, through libpcap in immediate mode, with the filter in the kernel.
import { createRequire } from 'node:module';
import type { PcapSession } from 'pcap';
import type { LinkType } from '../decode/frame.js';
import { captureFilter } from './bpf-filter.js';
import type { FrameHandler } from './frame-source.js';
import { linkTypeOf, unsupportedLinkType } from './link-type.js';

/** Enough for a DHCP message with all its options behind any tags; the rest of a longer frame is not needed. */
const SNAPLEN = 1600;
/** Kernel buffer: about a thousand frames, where libpcap's default would be 10 MB. */
const BUFFER_BYTES = 2 * 1024 * 1024;
/** What `pcap_dispatch` answers when libpcap failed, and when the capture was broken off and is freed. */
const FAILED = -1;
const BROKEN_OFF = -2;
/**
 * pcap 3.1 hands over frames for as long as there are any, so in a flood nothing else would ever run: no timer, no signal, no
 * answer of Redis. A turn that takes longer is broken off, which closes the capture; it is opened anew once the others had theirs.
 */
const MAX_TURN_MS = 100;
const PAUSE_AFTER_TURN_MS = 10;
/** How many frames pass between two looks at the clock. */
const LOOK_AT_CLOCK_EVERY = 64;

export type CaptureProblem = 'no-permission' | 'no-such-interface' | 'interface-down' | 'unsupported' | 'failed';

/** Capturing could not begin, or broke off. The message is for operators. */
export class CaptureError extends Error {
  constructor(
    readonly problem: CaptureProblem,
    message: string,
  ) {
    super(message);
    this.name = 'CaptureError';
  }
}

export interface LiveCaptureOptions {
  readonly promiscuous: boolean;
  readonly ipv6: boolean;
}

/** What was counted since the capture was opened. */
export interface CaptureStats {
  readonly received: number;
  /** Dropped by the kernel because we were too slow. */
  readonly dropped: number;
  /** How often a turn had to be broken off, see MAX_TURN_MS. Each loses the frames of some 20 ms. */
  readonly brokenOff: number;
}

export interface LiveCapture {
  readonly linkType: LinkType;
  /** False once libpcap reported an error: nothing will ever arrive again, only opening anew helps. */
  readonly isAlive: boolean;
  stats(): CaptureStats;
  close(): void;
}

/** What pcap's session has inside and its types do not show. */
export interface NativeSession {
  dispatch(buffer: Buffer, header: Buffer): number;
  read_callback(): void;
}

interface SessionInternals {
  readonly buf: Buffer;
  readonly header: Buffer;
  readonly session: NativeSession;
}

/**
 * Native sessions that were freed. Their poll handles stay in libuv's list, but pcap 3.1 frees the memory they lie in as
 * soon as the session is collected: so they are never collected. One is a few hundred bytes, and made once an opening.
 */
const freedSessions: NativeSession[] = [];

/** What is left of a freed session's functions: their own would keep the whole opening, buffers and all. */
const doNothing = (): number => 0;

/**
 * Openings that were closed and are not freed: pcap only asks libpcap to stop, and libpcap hears it when the next frame
 * arrives. On an interface that was deleted none ever does, and a socket with its buffer is lost until the process ends.
 */
const closing = new Set<ClosedOpening>();

export interface ClosedOpening {
  /** Frees it if a frame has come since it was closed, and then calls `openingFreed`. */
  free(): void;
}

export function openingClosed(opening: ClosedOpening): void {
  closing.add(opening);
  opening.free();
}

export function openingFreed(opening: ClosedOpening): void {
  closing.delete(opening);
}

/** Frees closed captures as far as frames have come since. Returns how many are left. */
export function freeClosedCaptures(): number {
  for (const opening of closing) opening.free();
  return closing.size;
}

/** One opening of an interface: pcap's session, with its edges taken off. */
class Opening implements OpenInterface, ClosedOpening {
  isAlive = true;
  /** Until `read` says otherwise. */
  linkType: LinkType = 'ethernet';
  /** Of the link type, as pcap calls it. */
  readonly linkTypeName: string;
  private readonly session: PcapSession & SessionInternals;
  private isDispatching = false;
  private isFreed = false;
  private turns = 0;
  private turnBeganMs = 0;
  private framesInTurn = 0;
  private untilClock = LOOK_AT_CLOCK_EVERY;

  /** @throws whatever libpcap says */
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
    // pcap ignores what dispatch answers, and calls it once after opening even when the session is freed by then.
    native.dispatch = (buffer, header) => {
      if (this.isDispatching) return 0;
      this.turnBeganMs = performance.now();
      this.framesInTurn = 0;
      this.isDispatching = true;
      const answer = dispatch(buffer, header);
      this.isDispatching = false;
      // The first turn comes from pcap, every other because the socket has something: frames, or an error, after which libuv
      // does not listen to it any more. libpcap keeps the error to itself when the interface was down for a moment only.
      if (answer === FAILED || (answer === 0 && this.framesInTurn === 0 && this.turns > 0)) this.isAlive = false;
      this.turns++;
      if (answer === BROKEN_OFF) {
        this.isFreed = true;
        native.dispatch = doNothing;
        native.read_callback = doNothing;
        freedSessions.push(native);
        openingFreed(this);
      }
      return answer;
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
      if (--this.untilClock > 0) return;
      this.untilClock = LOOK_AT_CLOCK_EVERY;
      if (performance.now() - this.turnBeganMs > MAX_TURN_MS) onLongTurn();
    });
  }

  stats(): { received: number; dropped: number } {
    if (this.isFreed) return { received: 0, dropped: 0 };
    try {
      const { ps_recv, ps_drop } = this.session.stats();
      return { received: ps_recv >>> 0, dropped: ps_drop >>> 0 };
    } catch {
      // The interface is gone, and its counters with it.
      return { received: 0, dropped: 0 };
    }
  }

  /** No frame is handed over any more; `freeClosedCaptures` does the rest. */
  close(): void {
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
export function captureLive(name: string, options: LiveCaptureOptions, onFrame: FrameHandler): LiveCapture {
  return captureWithBreaks(PAUSE_AFTER_TURN_MS, (onLongTurn) => {
    const { opening, linkType } = openWithFilter(name, options);
    opening.read(linkType, onFrame, onLongTurn);
    return opening;
  });
}

/** One opening of an interface that hands over frames, as `captureWithBreaks` needs it. */
export interface OpenInterface {
  readonly linkType: LinkType;
  readonly isAlive: boolean;
  stats(): { readonly received: number; readonly dropped: number };
  close(): void;
}

/** A capture that is closed whenever a turn took too long, and opened anew `pauseMs` later. */
export function captureWithBreaks(pauseMs: number, open: (onLongTurn: () => void) => OpenInterface): LiveCapture {
  let opening: OpenInterface | null = open(breakOff);
  const { linkType } = opening;
  let reopening: NodeJS.Timeout | undefined;
  let isAlive = true;
  let brokenOff = 0;
  /** Sums of the openings that are closed. */
  const past = { received: 0, dropped: 0 };

  function breakOff(): void {
    brokenOff++;
    closeOpening();
    reopening = setTimeout(() => {
      try {
        opening = open(breakOff);
      } catch {
        isAlive = false;
      }
    }, pauseMs);
  }

  function closeOpening(): void {
    if (opening === null) return;
    const { received, dropped } = opening.stats();
    past.received += received;
    past.dropped += dropped;
    opening.close();
    opening = null;
  }

  return {
    linkType,
    get isAlive() {
      return isAlive && opening?.isAlive !== false;
    },
    stats() {
      const { received, dropped } = opening?.stats() ?? { received: 0, dropped: 0 };
      return { received: past.received + received, dropped: past.dropped + dropped, brokenOff };
    },
    close() {
      clearTimeout(reopening);
      closeOpening();
      isAlive = false;
    },
  };
}

/** The filter depends on the link type, which only an opening tells: Ethernet is tried first, and nearly always right. */
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

/** The error for operators, of what libpcap said when `name` was opened. */
export function captureErrorOf(name: string, error: unknown): CaptureError {
  const detail = error instanceof Error ? error.message : String(error);
  const problem = problemOf(detail);
  return new CaptureError(problem, messageFor(problem, name, detail));
}

function problemOf(message: string): CaptureProblem {
  if (/permi(tted|ssion)|EPERM|EACCES/i.test(message)) return 'no-permission';
  if (/no such device|doesn't exist|ENODEV/i.test(message)) return 'no-such-interface';
  if (/not up|went down|ENETDOWN/i.test(message)) return 'interface-down';
  return 'failed';
}

function messageFor(problem: CaptureProblem, name: string, detail: string): string {
  switch (problem) {
    case 'no-permission':
      return `cannot capture on ${name}: permission denied. Run as root or grant CAP_NET_RAW (see README, "Permissions")`;
    case 'no-such-interface':
      return `cannot capture on ${name}: there is no such interface. "wifi-monitor interfaces" lists what there is`;
    case 'interface-down':
      return `cannot capture on ${name}: the interface is down`;
    default:
      return `cannot capture on ${name}: ${detail}`;
  }
}

/** The pcap package is a native addon: loaded only by who captures. */
export function loadPcap(): typeof import('pcap') {
  const pcap: typeof import('pcap') & { warningHandler?: (text: string) => void } = createRequire(import.meta.url)(
    'pcap',
  );
  // By default it prints to stderr that an interface has no IPv4 address, which a mirror port never has.
  pcap.warningHandler = () => {};
  return pcap;
}
