// The capture files of a replay as a source of frames. Patterns are expanded, files are read in the order of time, and frames outside
// the wanted time are left out.
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

/** Called now and then with how many bytes of all files were read. */
export type OnProgress = (readBytes: number, totalBytes: number) => void;

/** The position in the file is read once in so many frames. */
const LOOK_EVERY_FRAMES = 8_192;

/** Expands `*` and `?` in the last part of a path, in case no shell has done it. */
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

/** Returns the paths in the order of their first frames. Files without frames come last, in the order given. */
export function inTimeOrder(paths: readonly string[]): string[] {
  if (paths.length < 2) return [...paths];
  const begun = paths.map((path) => ({ path, atMs: firstFrameMs(path) ?? Number.POSITIVE_INFINITY }));
  // This is no subtraction, because infinity minus infinity is not a number.
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

/** Returns a handler that also reads the position of libpcap's file descriptor now and then. */
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
