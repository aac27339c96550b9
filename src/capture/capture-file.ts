// Frames from a capture file, through libpcap, and whether the file was read to its end.
import { open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { PcapSession } from 'pcap';
import type { LinkType } from '../decode/frame.js';
import { isToGroup, readKeepAlive } from '../decode/keep-alive.js';
import { captureFilter, captureOrKeepAliveFilter } from './bpf-filter.js';
import type { FrameHandler, KeepAliveHandler } from './frame-source.js';
import { linkTypeOf, unsupportedLinkType } from './link-type.js';
import { passesCaptureFilter } from './passes-filter.js';

/**
 * How reading ended. `frames` is the number of frames that `onFrame` was given. `reason` names the file and says what is wrong with
 * it, and what to do if something can be done.
 */
export type CaptureFileEnd =
  | { readonly complete: true; readonly frames: number }
  | { readonly complete: false; readonly frames: number; readonly reason: string };

/**
 * Gives every frame of a pcap or pcapng file that can hold a sighting to `onFrame`, in the file's order, and resolves at its end
 * or where it is damaged. `onKeepAlive` is given the source address of every other broadcast or multicast frame, in the same order.
 * The whole file is read in one go, so nothing else runs meanwhile.
 *
 * Rejects only with what a handler throws, and reads no further then.
 */
export async function readCaptureFile(
  path: string,
  options: { ipv6: boolean },
  onFrame: FrameHandler,
  onKeepAlive?: KeepAliveHandler,
): Promise<CaptureFileEnd> {
  const file = await identify(path);
  if ('obstacle' in file) return { complete: false, frames: 0, reason: file.obstacle };

  const filterFor = onKeepAlive === undefined ? captureFilter : captureOrKeepAliveFilter;
  const capture = openCapture(path, (linkType) => filterFor(linkType, options));
  if ('obstacle' in capture) return { complete: false, frames: 0, reason: capture.obstacle };

  const { session, linkType } = capture;
  let keepAlives = 0;
  const onEither: FrameHandler = (frame, length, eventMs) => {
    if (!isKeepAlive(frame, length, linkType, options)) return onFrame(frame, length, eventMs, linkType);
    keepAlives++;
    const mac = readKeepAlive(frame, length, linkType);
    if (mac !== 0) onKeepAlive?.(mac, eventMs);
  };
  const isWhole = session.read(linkType, onKeepAlive === undefined ? onFrame : onEither);
  const frames = session.frames - keepAlives;
  return isWhole ? { complete: true, frames } : { complete: false, frames, reason: damage(path, file.format) };
}

/** Whether a frame that `captureOrKeepAliveFilter` let through is a keep-alive. */
function isKeepAlive(frame: Uint8Array, length: number, linkType: LinkType, { ipv6 }: { ipv6: boolean }): boolean {
  return isToGroup(frame, length, linkType) && !passesCaptureFilter(frame, length, linkType, ipv6);
}

/** Returns when the first frame of a capture file was captured, ms since the epoch; null when no frame can be read. */
export function firstFrameMs(path: string): number | null {
  try {
    return new OfflineSession(path, '').readFirst();
  } catch {
    // `readCaptureFile` will say what is wrong with it.
    return null;
  }
}

/** Opens the file twice, because the filter must be given when opening, and depends on the link type in the file. */
function openCapture(
  path: string,
  filterFor: (linkType: LinkType) => string,
): { session: OfflineSession; linkType: LinkType } | { obstacle: string } {
  try {
    const probe = new OfflineSession(path, '');
    probe.free();
    const linkType = linkTypeOf(probe.link_type);
    if (linkType === null) return { obstacle: `${path}: ${unsupportedLinkType(probe.link_type)}` };
    return { session: new OfflineSession(path, filterFor(linkType)), linkType };
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { obstacle: `${path} is cut off or corrupt in its file header (${detail})` };
  }
}

/** Counts all frames, not only those that pass the filter, so that the number is the one that Wireshark and tcpdump show. */
function damage(path: string, format: Format): string {
  const session = new OfflineSession(path, '');
  session.read('raw', () => {});
  const end = `${path} is cut off or corrupt at frame ${session.frames + 1}; everything before it was read`;
  if (format === 'pcap') return end;
  return `${end}. Or an interface of another link type or snap length begins there, which libpcap does not read`;
}

/** What pcap's session has inside and its types do not show. */
interface SessionInternals {
  readonly buf: Buffer;
  readonly header: Buffer;
  readonly session: { dispatch: (buffer: Buffer, header: Buffer) => number };
}

// The arguments are those that the package's createOfflineSession gives.
const Session = PcapSession as unknown as new (
  isLive: false,
  path: string,
  filter: string,
  bufferSize: 0,
) => PcapSession & SessionInternals;

/** libpcap's PCAP_ERROR_BREAK: the dispatch that found the session closed. */
const BROKEN_OFF = -2;

/** One opened file. It must be read or closed, or its file descriptor stays open. */
class OfflineSession extends Session {
  /** Frames read so far. */
  frames = 0;
  readonly #dispatch: () => number;
  /** ts_sec, ts_usec, caplen, len in the machine's byte order. */
  readonly #header: Uint32Array;
  readonly #thrown: unknown[] = [];
  #linkType: LinkType = 'raw';
  #onFrame: FrameHandler = () => {};

  /** @throws Error with libpcap's words when the file header cannot be read. */
  constructor(path: string, filter: string) {
    // An absolute path, because libpcap takes "-" for standard input.
    super(false, resolve(path), filter, 0);
    const { buf, header, session } = this;
    const dispatch = session.dispatch.bind(session);
    this.#dispatch = () => dispatch(buf, header);
    this.#header = new Uint32Array(header.buffer, header.byteOffset, 4);
    // The package would read the file by itself on the next turn of the event loop, and take libpcap's -1 for the end.
    session.dispatch = () => 0;
  }

  /** Reads to the end and closes. Returns false when libpcap stopped at something that it could not read. */
  read(linkType: LinkType, onFrame: FrameHandler): boolean {
    this.#linkType = linkType;
    this.#onFrame = onFrame;
    const result = this.#dispatch();
    if (this.#thrown.length > 0) throw this.#thrown[0];
    // A session that a handler closed is freed already. The native code must not free it twice.
    if (result !== BROKEN_OFF) this.free();
    return result === 0;
  }

  /** Returns the time of the first frame, reads no further, and closes. */
  readFirst(): number | null {
    let first: number | null = null;
    this.read('raw', (_frame, _length, atMs) => {
      first ??= atMs;
      this.close();
    });
    return first;
  }

  /** Only a dispatch that finds the session closed frees the handle. */
  free(): void {
    this.close();
    this.#dispatch();
  }

  /** Called by the native code for each frame. The package's own method emits an event, and makes an object for each frame. */
  protected on_packet_ready(): void {
    const { buf } = this;
    const header = this.#header;
    this.frames++;
    const atMs = (header[0] as number) * 1_000 + Math.floor((header[1] as number) / 1_000);
    try {
      this.#onFrame(buf, Math.min(header[2] as number, buf.length), atMs, this.#linkType);
    } catch (error) {
      // An error thrown through the native code would end the process.
      this.#thrown.push(error);
      this.close();
    }
  }
}

type Format = 'pcap' | 'pcapng';

const PCAPS = [0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0xa1b2cd34, 0x34cdb2a1];
const PCAPNG = 0x0a0d0d0a;
const COMPRESSIONS: [magic: RegExp, name: string, command: string][] = [
  [/^1f8b/, 'gzip', 'gunzip'],
  [/^28b52ffd/, 'zstd', 'unzstd'],
  [/^425a68/, 'bzip2', 'bunzip2'],
  [/^fd377a58/, 'xz', 'unxz'],
  [/^504b0304/, 'zip', 'unzip'],
  [/^04224d18/, 'lz4', 'unlz4'],
];

/** Returns the format of the file at `path`, or why it cannot be a capture, as far as that is known without libpcap. */
async function identify(path: string): Promise<{ format: Format } | { obstacle: string }> {
  try {
    const status = await stat(path);
    if (status.isDirectory()) return { obstacle: `${path} is a directory, not a capture file` };
    if (!status.isFile()) return { obstacle: `${path} is not a regular file. Save the capture to a file first` };
    if (status.size === 0) return { obstacle: `${path} is empty` };
    const magic = await firstOctets(path, 4);
    if (magic.readUInt32BE() === PCAPNG) return { format: 'pcapng' };
    if (PCAPS.includes(magic.readUInt32BE())) return { format: 'pcap' };
    const compression = COMPRESSIONS.find(([start]) => start.test(magic.toString('hex')));
    if (compression !== undefined) {
      const [, name, command] = compression;
      return { obstacle: `${path} is compressed with ${name}. Decompress it first (${command})` };
    }
    const advice = 'If Wireshark can open it, convert it with: editcap -F pcapng INPUT OUTPUT';
    return { obstacle: `${path} is not a pcap or pcapng capture. ${advice}` };
  } catch (error) {
    return { obstacle: `${path}${obstacleIn(error as NodeJS.ErrnoException)}` };
  }
}

async function firstOctets(path: string, count: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const octets = Buffer.alloc(count);
    await file.read(octets);
    return octets;
  } finally {
    await file.close();
  }
}

function obstacleIn({ code }: NodeJS.ErrnoException): string {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return ': no such file';
    case 'EACCES':
    case 'EPERM':
      return ': permission denied. Make it readable for the user running this';
    default:
      return ` cannot be read (${code})`;
  }
}
