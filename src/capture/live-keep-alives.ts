// Keep-alives from one live interface: a second capture beside that of live-interface.ts. Its frames are cut off behind their
// link-layer header, so that what devices say to each other never enters this process.
import type { PcapSession } from 'pcap';
import type { LinkType } from '../decode/frame.js';
import { readKeepAlive } from '../decode/keep-alive.js';
import { keepAliveFilter } from './bpf-filter.js';
import type { KeepAliveHandler } from './frame-source.js';
import {
  type ClosedOpening,
  captureErrorOf,
  captureWithBreaks,
  type LiveCapture,
  type LiveCaptureOptions,
  loadPcap,
  type NativeSession,
  type OpenInterface,
  openingClosed,
  openingFreed,
} from './live-interface.js';

/**
 * The link-layer header without tags. Of Ethernet the two addresses (12 octets) are too few: libpcap 1.10 makes the slots of the
 * kernel's buffer so that 10 octets of a frame fit in then. With 14, 26 would fit in, and the kernel copies the 14.
 */
const SNAPLEN = { ethernet: 14, 'linux-sll': 16, 'linux-sll2': 20 } as const;
/** Some 20,000 slots of 96 octets: 0.4 s of 50,000 frames a second. */
const BUFFER_BYTES = 2 * 1024 * 1024;
/**
 * Not with each frame: to be woken for each costs ten times as much CPU as to take many at once. libpcap can wait by itself (its timeout, in
 * TPACKET_V3), but then the kernel's buffer has no slots, and in the moment before the filter is set takes in whole frames.
 */
const DRAIN_EVERY_MS = 100;
/** As in live-interface.ts, but with a longer pause: in a flood keep-alives have a tenth of the time, so that sightings go first. */
const MAX_TURN_MS = 100;
const PAUSE_AFTER_TURN_MS = 1_000;
/** How many frames pass between two looks at the clock. */
const LOOK_AT_CLOCK_EVERY = 64;
/** What `pcap_dispatch` answers when libpcap failed, and when the capture was broken off and is freed. */
const FAILED = -1;
const BROKEN_OFF = -2;

/**
 * Opens `name` once more, of which another capture has told the link type, and calls `onKeepAlive` for each keep-alive, until `close`.
 * Frames come up to DRAIN_EVERY_MS late, with the time at which they were captured. Null on links without addresses.
 * @throws CaptureError when the interface cannot be captured on.
 */
export function captureKeepAlives(
  name: string,
  linkType: LinkType,
  options: LiveCaptureOptions,
  onKeepAlive: KeepAliveHandler,
): LiveCapture | null {
  const filter = keepAliveFilter(linkType, options);
  if (filter === null || linkType === 'null' || linkType === 'raw') return null;
  return captureWithBreaks(
    PAUSE_AFTER_TURN_MS,
    (onLongTurn) => new KeepAliveOpening(name, linkType, filter, options, onKeepAlive, onLongTurn),
  );
}

interface SessionInternals {
  readonly buf: Buffer;
  readonly header: Buffer;
  readonly session: NativeSession;
}

// The arguments are those that the package's createSession gives.
type SessionConstructor = new (
  isLive: true,
  name: string,
  filter: string,
  bufferBytes: number,
  snaplen: number,
  outputFile: '',
  isMonitor: false,
  bufferTimeout: 0,
  promiscuous: boolean,
) => PcapSession & SessionInternals;

interface UnpolledSession extends PcapSession, SessionInternals {
  onFrame: () => void;
}

let sessionConstructor: (new (...args: ConstructorParameters<SessionConstructor>) => UnpolledSession) | undefined;

/** A session of the package that nothing wakes, and that makes no object of each frame. */
function unpolledSession(...args: ConstructorParameters<SessionConstructor>): UnpolledSession {
  if (sessionConstructor === undefined) {
    const { PcapSession } = loadPcap();
    class Unpolled extends (PcapSession as unknown as SessionConstructor) {
      onFrame = () => {};

      /** Called by the native code for each frame. */
      protected on_packet_ready(): void {
        this.onFrame();
      }
    }
    // The package sets this property, and has libuv watch the socket right afterwards.
    Object.defineProperty(Unpolled.prototype, 'session', {
      set(native: NativeSession & { start_polling: () => void }) {
        native.start_polling = () => {};
        Object.defineProperty(this, 'session', { value: native });
      },
    });
    sessionConstructor = Unpolled;
  }
  return new sessionConstructor(...args);
}

/** One opening of an interface, drained by a timer. */
class KeepAliveOpening implements OpenInterface, ClosedOpening {
  isAlive = true;
  private readonly session: UnpolledSession;
  private readonly dispatch: () => number;
  private readonly timer: NodeJS.Timeout;
  private isOpen = true;
  private isDispatching = false;
  private isFreed = false;
  private turnBeganMs = 0;
  private untilClock = LOOK_AT_CLOCK_EVERY;

  /** @throws CaptureError */
  constructor(
    name: string,
    readonly linkType: keyof typeof SNAPLEN,
    filter: string,
    options: LiveCaptureOptions,
    onKeepAlive: KeepAliveHandler,
    onLongTurn: () => void,
  ) {
    const { promiscuous } = options;
    try {
      // With a timeout of 0 libpcap is in immediate mode (TPACKET_V2).
      this.session = unpolledSession(true, name, filter, BUFFER_BYTES, SNAPLEN[linkType], '', false, 0, promiscuous);
    } catch (error) {
      throw captureErrorOf(name, error);
    }
    const { buf, header, session: native } = this.session;
    const dispatch = native.dispatch.bind(native);
    this.dispatch = () => dispatch(buf, header);
    // The package calls it once on the next turn of the event loop.
    native.dispatch = () => 0;
    /** ts_sec, ts_usec, caplen, len in the machine's byte order. */
    const fields = new Uint32Array(header.buffer, header.byteOffset, 4);
    this.session.onFrame = () => {
      // One more may come after closing.
      if (!this.isOpen) return;
      const mac = readKeepAlive(buf, fields[2] as number, linkType);
      const eventMs = (fields[0] as number) * 1_000 + Math.floor((fields[1] as number) / 1_000);
      if (mac !== 0) onKeepAlive(mac, eventMs);
      if (--this.untilClock > 0) return;
      this.untilClock = LOOK_AT_CLOCK_EVERY;
      if (performance.now() - this.turnBeganMs > MAX_TURN_MS) onLongTurn();
    };
    this.timer = setInterval(() => this.drain(), DRAIN_EVERY_MS);
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

  close(): void {
    clearInterval(this.timer);
    this.isOpen = false;
    this.session.close();
    openingClosed(this);
  }

  free(): void {
    this.drain();
  }

  private drain(): void {
    // Freed, the native code has nothing to dispatch any more; and a turn that closes the opening is followed by the rest of itself.
    if (this.isDispatching || this.isFreed) return;
    this.turnBeganMs = performance.now();
    this.isDispatching = true;
    const answer = this.dispatch();
    this.isDispatching = false;
    if (answer === FAILED) this.isAlive = false;
    if (answer !== BROKEN_OFF) return;
    this.isFreed = true;
    openingFreed(this);
  }
}
