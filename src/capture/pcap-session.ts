// What the pcap package has inside and its types do not show. Both captures of a live interface use it.
import pcap, { type PcapSession } from 'pcap';

/** What `dispatch` returns when libpcap failed. */
export const FAILED = -1;
/** What `dispatch` returns when it finds the session closed, and has freed it (libpcap's PCAP_ERROR_BREAK). */
export const BROKEN_OFF = -2;

export interface NativeSession {
  dispatch(buffer: Buffer, header: Buffer): number;
  read_callback(): void;
}

export interface SessionInternals {
  /** Holds the current frame. */
  readonly buf: Buffer;
  /** Holds ts_sec, ts_usec, caplen and len of the current frame, in the machine's byte order. */
  readonly header: Buffer;
  readonly session: NativeSession;
}

/** Frames since the session was opened: those that passed the filter, and those that the kernel dropped because we were too slow. */
export function sessionCounts(session: PcapSession): { received: number; dropped: number } {
  try {
    const { ps_recv, ps_drop } = session.stats();
    return { received: ps_recv >>> 0, dropped: ps_drop >>> 0 };
  } catch {
    // The interface is gone, and its counters with it.
    return { received: 0, dropped: 0 };
  }
}

/** The pcap package, silenced: by default it prints a warning when an interface has no IPv4 address. A mirror port never has one. */
export function loadPcap(): typeof import('pcap') {
  (pcap as typeof pcap & { warningHandler?: (text: string) => void }).warningHandler = () => {};
  return pcap;
}
