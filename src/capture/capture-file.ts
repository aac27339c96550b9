// Frames from a capture file, through libpcap, with an honest account of how the file ended.
import { open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createOfflineSession, type PcapSession } from 'pcap';
import type { LinkType } from '../decode/frame.js';
import { captureFilter } from './bpf-filter.js';
import { linkTypeOf, unsupportedLinkType } from './link-type.js';

/**
 * How reading ended. `frames` are those that the filter let through and `onFrame` was given. `reason` names the file, says
 * what is wrong with it, and what to do where something can be done.
 */
export type CaptureFileEnd =
  | { readonly complete: true; readonly frames: number }
  | { readonly complete: false; readonly frames: number; readonly reason: string };

/** `frame` is reused for the next frame, and only its first `length` octets are this one's. `atMs` is ms since the epoch. */
export type OnFrame = (frame: Buffer, length: number, atMs: number, linkType: LinkType) => void;

/**
 * Gives every frame of a pcap or pcapng file that can hold a sighting to `onFrame`, in the file's order, and resolves at its end
 * or where it is damaged. The whole file is read in one go: nothing else runs meanwhile.
 *
 * Rejects only with what `onFrame` throws, and then reads no further.
 */
export async function readCaptureFile(
  path: string,
  options: { ipv6: boolean },
  onFrame: OnFrame,
): Promise<CaptureFileEnd> {
  const obstacle = await obstacleTo(path);
  if (obstacle !== null) return { complete: false, frames: 0, reason: obstacle };

  let linkType: LinkType | null;
  let session: OfflineSession;
  try {
    const probe = new OfflineSession(path, '');
    probe.close();
    linkType = linkTypeOf(probe.linkTypeName);
    if (linkType === null) {
      return { complete: false, frames: 0, reason: `${path}: ${unsupportedLinkType(probe.linkTypeName)}` };
    }
    session = new OfflineSession(path, captureFilter(linkType, options));
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return { complete: false, frames: 0, reason: `${path} is cut off or corrupt in its file header (${detail})` };
  }

  let frames = 0;
  const of = linkType;
  const isWhole = session.read((frame, length, atMs) => {
    frames += 1;
    onFrame(frame, length, atMs, of);
  });
  return isWhole ? { complete: true, frames } : { complete: false, frames, reason: damage(path) };
}

/** Counts all frames, not only the filtered ones, so that the number is the one that Wireshark and tcpdump show. */
function damage(path: string): string {
  let frames = 0;
  new OfflineSession(path, '').read(() => {
    frames += 1;
  });
  return (
    `${path} is cut off or corrupt at frame ${frames + 1}: everything before it was read. ` +
    '(A pcapng file may also go on there with an interface of another link type, which libpcap does not read.)'
  );
}

/** What pcap's session has inside and its types do not show. */
interface SessionInternals {
  readonly buf: Buffer;
  readonly header: Buffer;
  readonly session: { dispatch: (buffer: Buffer, header: Buffer) => number };
}

/** One opened file. It must be read or closed, or its file descriptor stays open. */
class OfflineSession {
  readonly #session: PcapSession;
  readonly #buffer: Buffer;
  readonly #header: Buffer;
  readonly #dispatch: () => number;

  /** @throws Error with libpcap's words when the file header cannot be read. */
  constructor(path: string, filter: string) {
    // An absolute path, because libpcap takes "-" for standard input.
    this.#session = createOfflineSession(resolve(path), { filter });
    const { buf, header, session } = this.#session as unknown as SessionInternals;
    const dispatch = session.dispatch.bind(session);
    // The package would read the file by itself on the next turn of the event loop, and take libpcap's -1 for the end.
    session.dispatch = () => 0;
    this.#buffer = buf;
    this.#header = header;
    this.#dispatch = () => dispatch(buf, header);
  }

  get linkTypeName(): string {
    return this.#session.link_type;
  }

  /** Reads to the end and closes. False when libpcap stopped at something that it could not read. */
  read(onPacket: (frame: Buffer, length: number, atMs: number) => void): boolean {
    const frame = this.#buffer;
    // ts_sec, ts_usec, caplen, len in the machine's byte order.
    const header = new Uint32Array(this.#header.buffer, this.#header.byteOffset, 4);
    const thrown: unknown[] = [];
    this.#session.on('packet', () => {
      const atMs = (header[0] as number) * 1_000 + Math.floor((header[1] as number) / 1_000);
      try {
        onPacket(frame, Math.min(header[2] as number, frame.length), atMs);
      } catch (error) {
        // Thrown through the native code it would end the process.
        thrown.push(error);
        this.#session.close();
      }
    });
    const result = this.#dispatch();
    if (thrown.length > 0) throw thrown[0];
    this.close();
    return result === 0;
  }

  /** The handle is only freed by the dispatch that finds the session closed. */
  close(): void {
    this.#session.close();
    this.#dispatch();
  }
}

const CAPTURES = [0xa1b2c3d4, 0xd4c3b2a1, 0xa1b23c4d, 0x4d3cb2a1, 0xa1b2cd34, 0x34cdb2a1, 0x0a0d0d0a];
const COMPRESSIONS: [magic: RegExp, name: string, command: string][] = [
  [/^1f8b/, 'gzip', 'gunzip'],
  [/^28b52ffd/, 'zstd', 'unzstd'],
  [/^425a68/, 'bzip2', 'bunzip2'],
  [/^fd377a58/, 'xz', 'unxz'],
  [/^504b0304/, 'zip', 'unzip'],
  [/^04224d18/, 'lz4', 'unlz4'],
];

/** Why `path` cannot be a capture file, where that can be told without libpcap; null when it may be one. */
async function obstacleTo(path: string): Promise<string | null> {
  try {
    const status = await stat(path);
    if (status.isDirectory()) return `${path} is a directory, not a capture file`;
    if (!status.isFile()) return `${path} is not a regular file. Save the capture to a file first`;
    if (status.size === 0) return `${path} is empty`;
    const file = await open(path);
    const magic = Buffer.alloc(4);
    try {
      await file.read(magic);
    } finally {
      await file.close();
    }
    if (CAPTURES.includes(magic.readUInt32BE())) return null;
    for (const [start, name, command] of COMPRESSIONS) {
      if (start.test(magic.toString('hex')))
        return `${path} is compressed with ${name}. Decompress it first (${command})`;
    }
    return (
      `${path} is not a pcap or pcapng capture. ` +
      'If Wireshark can open it, convert it with: editcap -F pcapng INPUT OUTPUT'
    );
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return `${path}: no such file`;
    if (code === 'EACCES' || code === 'EPERM')
      return `${path}: permission denied. Make it readable for the user running this`;
    return `${path} cannot be read (${code})`;
  }
}
