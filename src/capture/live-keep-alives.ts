// Keep-alives from one live interface: a second capture beside that of live-interface.ts. Its frames are cut behind the link-layer
// header, so that what devices send to each other never enters this process.
import type { PcapSession } from 'pcap';
import type { LinkType } from '../decode/frame.js';
import { readKeepAlive } from '../decode/keep-alive.js';
import { keepAliveFilter } from './bpf-filter.js';
import { captureErrorOf } from './capture-error.js';
import type { KeepAliveHandler } from './frame-source.js';
import {
  type ClosedOpening,
  captureWithBreaks,
  type LiveCapture,
  type OpenInterface,
  openingClosed,
  openingFreed,
  Turn,
} from './live-capture.js';
import type { LiveCaptureOptions } from './live-interface.js';
import {
  BROKEN_OFF,
  FAILED,
  loadPcap,
  type NativeSession,
  type SessionInternals,
  sessionCounts,
} from './pcap-session.js';

/**
 * The link-layer header without tags. For Ethernet the 12 octets of the two addresses are too few: libpcap 1.10 then makes slots in the
 * kernel's buffer that hold only 10 octets of a frame. With 14 the slots hold 26, and the kernel copies the 14.
 */
const SNAPLEN = { ethernet: 14, 'linux-sll': 16, 'linux-sll2': 20 } as const;
/** Room for some 20,000 slots of 96 octets. That is 0.4 s of 50,000 frames a second. */
const BUFFER_BYTES = 2 * 1024 * 1024;
/**
 * Frames are taken many at a time, because waking for each costs ten times as much CPU. libpcap could wait by itself (its timeout, in
 * TPACKET_V3), but then the kernel's buffer has no slots, and it holds whole frames until the filter is set.
 */
const DRAIN_EVERY_MS = 100;
/** So long that in a flood keep-alives have a tenth of the time: sightings go first. */
const PAUSE_AFTER_TURN_MS = 1_000;

/**
 * Opens `name` and calls `onKeepAlive` for each keep-alive, until `close`. `linkType` is known from the capture of frames. Keep-alives
 * come up to DRAIN_EVERY_MS late, with the time at which they were captured. Returns null on links without addresses.
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

/** Opens a session that libuv does not poll, and that makes no object for each frame. */
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
    // The package sets this property, and right afterwards lets libuv poll the socket.
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
  private readonly turn = new Turn();

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
      // One more frame may come after closing.
      if (!this.isOpen) return;
      const mac = readKeepAlive(buf, fields[2] as number, linkType);
      const eventMs = (fields[0] as number) * 1_000 + Math.floor((fields[1] as number) / 1_000);
      if (mac !== 0) onKeepAlive(mac, eventMs);
      if (this.turn.isTooLong()) onLongTurn();
    };
    this.timer = setInterval(() => this.drain(), DRAIN_EVERY_MS);
  }

  stats(): { received: number; dropped: number } {
    return this.isFreed ? { received: 0, dropped: 0 } : sessionCounts(this.session);
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
    // A freed session cannot dispatch. A turn that closes the opening calls `free`, and must not begin another turn.
    if (this.isDispatching || this.isFreed) return;
    this.turn.begin();
    this.isDispatching = true;
    const result = this.dispatch();
    this.isDispatching = false;
    if (result === FAILED) this.isAlive = false;
    if (result !== BROKEN_OFF) return;
    this.isFreed = true;
    openingFreed(this);
  }
}
