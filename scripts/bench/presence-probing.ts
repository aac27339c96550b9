// A replay cannot ask anybody anything. This has the devices of a made-up day asked by the code that asks live, tracker and all, and makes
// up what they answer.
import { formatMac, parseMac } from '../../src/addresses/mac-address.js';
import { decodeFrame } from '../../src/decode/frame.js';
import { Announcement, Sighting } from '../../src/decode/sighting.js';
import { PROBE_EVERY_MS, SilentDevices } from '../../src/visits/silent-devices.js';
import { VisitTracker } from '../../src/visits/visit-tracker.js';
import { type DayDevice, type DayFrame, HABITS, type PresenceDay, type Span } from './presence-day.js';
import { arpReplyToSensor } from './presence-frames.js';
import { Random } from './random.js';

/** Share of tries that a sleeping device answers if it answers at all while it sleeps as it does. */
const ANSWERED_TRIES = 0.75;
/** Of a sleeping device. Some answers come after the sensor has asked again; they are heard all the same. */
const LATE_MS = [300, 3_000] as const;
const PROMPT_MS = [3, 200] as const;
const AWAKE_ANSWERS = 0.98;
/** Of laptops that nap while the lid is closed. Others do not answer then. */
const NAPPING_ANSWERS = 0.35;

export interface ProbeSettings {
  readonly gapMs: number;
  /** Whether keep-alives count as being heard. */
  readonly keepAlives: boolean;
}

function isWithin(spans: readonly Span[], atMs: number): boolean {
  return spans.some(({ fromMs, toMs }) => atMs >= fromMs && atMs < toMs);
}

/** How a device answers in one silence: the share of tries, and after how long. */
interface Manner {
  readonly share: number;
  readonly afterMs: readonly [number, number];
}

function mannerOf(device: DayDevice, atMs: number, random: Random): Manner {
  if (!isWithin(device.stays, atMs)) return { share: 0, afterMs: PROMPT_MS };
  if (isWithin(device.awake, atMs)) return { share: AWAKE_ANSWERS, afterMs: PROMPT_MS };
  const habit = HABITS[device.kind];
  const reached = habit.type === 'handheld' ? habit.answersAsleep : device.naps ? NAPPING_ANSWERS : 0;
  return { share: random.chance(reached) ? ANSWERED_TRIES : 0, afterMs: LATE_MS };
}

/** A device that is asked. */
class Answerer {
  private manner: Manner = { share: 0, afterMs: PROMPT_MS };

  constructor(
    private readonly device: DayDevice,
    private readonly random: Random,
  ) {}

  /** The answer to one question; null when there is none. `tries` is how often it was asked before in this silence. */
  answerTo(tries: number, atMs: number): DayFrame | null {
    const { device, random } = this;
    if (tries === 0) this.manner = mannerOf(device, atMs, random);
    const { share, afterMs } = this.manner;
    if (!random.chance(share)) return null;
    const answeredMs = Math.round(atMs + random.between(afterMs));
    return isWithin(device.stays, answeredMs)
      ? { ...arpReplyToSensor(device), atMs: answeredMs, mac: device.mac }
      : null;
  }
}

/** What a sensor makes of frames, as far as it decides whom to ask. */
class AskingSensor {
  readonly tracker: VisitTracker;
  readonly silent: SilentDevices;
  private readonly sighting = new Sighting();
  private readonly announcement = new Announcement();

  constructor(private readonly settings: ProbeSettings) {
    const { gapMs } = settings;
    this.tracker = new VisitTracker({ gapMs, settleMs: 3_000, holdMs: gapMs }, { onActive() {}, onEnded() {} });
    this.silent = new SilentDevices(gapMs, this.tracker);
  }

  hear({ bytes, evidence, mac, atMs }: DayFrame): void {
    this.tracker.advance(atMs);
    if (evidence === 'keep-alive') {
      if (this.settings.keepAlives) this.tracker.keepAlive(parseMac(mac) ?? 0, atMs, atMs);
    } else if (decodeFrame(bytes, bytes.length, 'ethernet', this.sighting, this.announcement) === 'sighting') {
      this.tracker.observe(this.sighting, atMs, atMs);
    }
  }
}

/** `heard`, and with it what the sensor would have heard in answer to its probes. In order of time. */
export function withProbing(day: PresenceDay, heard: readonly DayFrame[], settings: ProbeSettings): DayFrame[] {
  const sensor = new AskingSensor(settings);
  const answerers = new Map(
    day.devices.map((device, number) => {
      return [device.mac, new Answerer(device, new Random(day.seed * 92_821 + number * 389 + 7))] as const;
    }),
  );
  const all: DayFrame[] = [];
  /** On their way, the earliest first. */
  const answers: DayFrame[] = [];
  let next = 0;
  const earliestMs = (frame: DayFrame | undefined) => frame?.atMs ?? Number.POSITIVE_INFINITY;
  // Later nobody is in a visit any more.
  const endMs = (heard.at(-1)?.atMs ?? 0) + settings.gapMs;
  for (let nowMs = heard[0]?.atMs ?? 0; nowMs <= endMs || answers.length > 0; ) {
    while (Math.min(earliestMs(heard[next]), earliestMs(answers[0])) <= nowMs) {
      const frame = earliestMs(answers[0]) < earliestMs(heard[next]) ? answers.shift() : heard[next++];
      if (frame === undefined) break;
      sensor.hear(frame);
      all.push(frame);
    }
    sensor.tracker.advance(nowMs);
    const askedMs = nowMs;
    const isSent = sensor.silent.ask(nowMs, ({ mac }, tries) => {
      const answer = answerers.get(formatMac(mac))?.answerTo(tries, askedMs);
      if (answer) answers.push(answer);
      return true;
    });
    answers.sort((a, b) => a.atMs - b.atMs);
    nowMs += isSent ? PROBE_EVERY_MS : sensor.silent.lookEveryMs;
  }
  return all;
}
