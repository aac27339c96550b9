// Records real frames and moves their time. Waiting for hours is impossible, so a recording is made of scenes. The frames of a scene
// are real and recorded unchanged. Only their timestamps are moved, all by the same amount, to the scene's time.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Station } from '../../test/lan/lan.js';
import type { RunningProcess } from '../../test/run-process.js';
import { type Capture, type Frame, readPcap } from './pcap-file.js';

/** Frames that are under way when a scene ends arrive within this time. The clients here answer in less than a millisecond. */
const SETTLE_MS = 60;

export class Recorder {
  readonly #tcpdump: RunningProcess;
  readonly #file: string;
  readonly #scenes: { startedNs: bigint; timeNs: bigint }[] = [];

  /** Starts tcpdump in a station with the given arguments (interface, link type, filter). */
  static async start(station: Station, tcpdumpArgs: readonly string[]): Promise<Recorder> {
    const file = join(station.lan.directory, `recording-${process.hrtime.bigint()}.pcap`);
    const tcpdump = await station.tcpdump(['--time-stamp-precision=nano', '-w', file, ...tcpdumpArgs]);
    return new Recorder(tcpdump, file);
  }

  private constructor(tcpdump: RunningProcess, file: string) {
    this.#tcpdump = tcpdump;
    this.#file = file;
  }

  /** Runs `act` now. The time of its first frame becomes `time`. Scenes must come in the order of their times. */
  async scene(time: Date, act: () => Promise<unknown>): Promise<void> {
    this.#scenes.push({ startedNs: BigInt(Date.now()) * 1_000_000n, timeNs: BigInt(time.getTime()) * 1_000_000n });
    await act();
    await sleep(SETTLE_MS);
  }

  /** Ends the recording and resolves with its frames at their new times. Frames before the first scene are left out. */
  async finish(): Promise<Capture> {
    await this.#tcpdump.stop();
    const recorded = readPcap(await readFile(this.#file));
    const frames: Frame[] = [];
    for (const [i, scene] of this.#scenes.entries()) {
      const nextNs = this.#scenes[i + 1]?.startedNs;
      const ofScene = recorded.frames.filter(
        ({ timeNs }) => timeNs >= scene.startedNs && (nextNs === undefined || timeNs < nextNs),
      );
      const shift = scene.timeNs - (ofScene[0]?.timeNs ?? 0n);
      frames.push(...ofScene.map((frame) => ({ ...frame, timeNs: frame.timeNs + shift })));
    }
    frames.sort((a, b) => Number(a.timeNs - b.timeNs));
    return { ...recorded, frames };
  }
}
