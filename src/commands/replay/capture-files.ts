// The capture files of a replay as one source of frames: patterns are expanded, files read in the order of time, frames
// outside the wanted time left out.
import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { firstFrameMs, readCaptureFile } from '../../capture/capture-file.js';
import type { FrameHandler, FrameSource, KeepAliveHandler } from '../../capture/frame-source.js';
import { readPosition } from '../../capture/read-position.js';
import { patternOf } from '../../config/ignore-rules.js';

export interface TimeWindow {
  /** Ms since the epoch; frames before are left out. */
  readonly sinceMs: number;
  /** Frames at this time or later are left out. */
  readonly untilMs: number;
}

/** Hears, now and then, how far a file was read: bytes of its whole size, of all files. */
export type OnProgress = (readBytes: number, totalBytes: number) => void;

/** Frames between two looks at how far the file is read. */
const LOOK_EVERY_FRAMES = 8_192;

/** `*` and `?` in the last part of a path, for shells (and containers without one) that have not expanded them. */
export function expand(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    if (!/[*?]/.test(basename(path)) || sizeOf(path) !== null) return [path];
    const matches = patternOf(basename(path));
    try {
      const found = readdirSync(dirname(path)).filter(matches);
      const joined = found
        .sort()
        .map((name) => (path.startsWith('.') || path.includes('/') ? join(dirname(path), name) : name));
      return joined.length === 0 ? [path] : joined;
    } catch {
      return [path];
    }
  });
}

function sizeOf(path: string): number | null {
  return statSync(path, { throwIfNoEntry: false })?.size ?? null;
}

/** In the order of their first frames; files that have none come last, in the order given. */
export function inTimeOrder(paths: readonly string[]): string[] {
  if (paths.length < 2) return [...paths];
  const begun = paths.map((path) => ({ path, atMs: firstFrameMs(path) ?? Number.POSITIVE_INFINITY }));
  // Not a subtraction: infinity less infinity is not a number.
  return begun.sort((a, b) => (a.atMs === b.atMs ? 0 : a.atMs < b.atMs ? -1 : 1)).map(({ path }) => path);
}

export class CaptureFiles implements FrameSource {
  /** A sentence for each file that could not be read to its end. */
  readonly problems: string[] = [];

  constructor(
    readonly paths: readonly string[],
    private readonly options: {
      readonly ipv6: boolean;
      readonly window: TimeWindow;
      readonly onProgress: OnProgress | null;
    },
  ) {}

  async run(onFrame: FrameHandler, onKeepAlive?: KeepAliveHandler): Promise<void> {
    const { ipv6, window, onProgress } = this.options;
    const { sinceMs, untilMs } = window;
    const wantedKeepAlive: KeepAliveHandler | undefined =
      onKeepAlive === undefined
        ? undefined
        : (mac, eventMs) => {
            if (eventMs >= sinceMs && eventMs < untilMs) onKeepAlive(mac, eventMs);
          };
    const isAll = sinceMs === Number.NEGATIVE_INFINITY && untilMs === Number.POSITIVE_INFINITY;
    const wanted: FrameHandler = isAll
      ? onFrame
      : (frame, length, eventMs, linkType) => {
          if (eventMs >= sinceMs && eventMs < untilMs) onFrame(frame, length, eventMs, linkType);
        };
    const sizes = this.paths.map((path) => sizeOf(path) ?? 0);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    let before = 0;
    for (const [index, path] of this.paths.entries()) {
      const handler =
        onProgress === null ? wanted : watched(wanted, path, (bytes) => onProgress(before + bytes, total));
      const end = await readCaptureFile(path, { ipv6 }, handler, wantedKeepAlive);
      if (!end.complete) this.problems.push(end.reason);
      before += sizes[index] ?? 0;
    }
    onProgress?.(total, total);
  }

  stop(): void {}
}

/** Looks at the position of libpcap's file descriptor while frames go by. */
function watched(handler: FrameHandler, path: string, onRead: (bytes: number) => void): FrameHandler {
  let frames = 0;
  let position: (() => number | null) | null = null;
  return (frame, length, eventMs, linkType) => {
    handler(frame, length, eventMs, linkType);
    if (++frames % LOOK_EVERY_FRAMES !== 0) return;
    position ??= readPosition(path);
    const bytes = position();
    if (bytes !== null) onRead(bytes);
  };
}
