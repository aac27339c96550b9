// A replay cannot ask anybody anything. This works out what devices of a made-up day would have answered to a sensor that
// probes as src/visits/silent-devices.ts does: a device of an open visit that was silent for a third of VISIT_GAP is asked up to three times.
import { type DayDevice, type DayFrame, HABITS, type PresenceDay, type Span } from './presence-day.js';
import { arpReplyToSensor } from './presence-frames.js';
import { Random } from './random.js';

const TRIES = 3;
const WAIT_MS = 2_000;
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

/** How the device answers questions asked at `atMs`: share of tries, and after how long. */
function manner(
  device: DayDevice,
  atMs: number,
  random: Random,
): { share: number; afterMs: readonly [number, number] } {
  if (!isWithin(device.stays, atMs)) return { share: 0, afterMs: PROMPT_MS };
  if (isWithin(device.awake, atMs)) return { share: AWAKE_ANSWERS, afterMs: PROMPT_MS };
  const habit = HABITS[device.kind];
  const reached = habit.type === 'handheld' ? habit.answersAsleep : device.naps ? NAPPING_ANSWERS : 0;
  return { share: random.chance(reached) ? ANSWERED_TRIES : 0, afterMs: LATE_MS };
}

/** When the sensor hears an answer to the questions it asks from `fromMs` on; null when it hears none. */
function answeredAt(device: DayDevice, fromMs: number, random: Random): number | null {
  const { share, afterMs } = manner(device, fromMs, random);
  for (let attempt = 0; attempt < TRIES; attempt++) {
    if (!random.chance(share)) continue;
    const atMs = Math.round(fromMs + attempt * WAIT_MS + random.between(afterMs));
    return isWithin(device.stays, atMs) ? atMs : null;
  }
  return null;
}

/** What `device` answers, given what the sensor hears of it anyway. A silence is asked into once. */
function answersOf(device: DayDevice, heard: readonly DayFrame[], settings: ProbeSettings, random: Random): DayFrame[] {
  const { gapMs, keepAlives } = settings;
  const answers: DayFrame[] = [];
  let latestMs = Number.NEGATIVE_INFINITY;
  let next = 0;
  const hear = () => {
    const frame = heard[next++];
    if (frame === undefined) return;
    const isOpen = frame.atMs - latestMs <= gapMs;
    if (frame.evidence === 'sighting' || (keepAlives && frame.evidence === 'keep-alive' && isOpen)) {
      latestMs = Math.max(latestMs, frame.atMs);
    }
  };
  let askedMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    const silentMs = latestMs + gapMs / 3;
    const nextMs = heard[next]?.atMs ?? Number.POSITIVE_INFINITY;
    const isOver = next >= heard.length && (latestMs === Number.NEGATIVE_INFINITY || askedMs === silentMs);
    if (isOver) return answers;
    if (latestMs === Number.NEGATIVE_INFINITY || nextMs <= silentMs || askedMs === silentMs) {
      hear();
      continue;
    }
    askedMs = silentMs;
    const atMs = answeredAt(device, silentMs, random);
    if (atMs === null) continue;
    answers.push({ ...arpReplyToSensor(device), atMs, mac: device.mac });
    latestMs = atMs;
  }
}

/** `heard`, and with it what the sensor would have heard in answer to its probes. In order of time. */
export function withProbing(day: PresenceDay, heard: readonly DayFrame[], settings: ProbeSettings): DayFrame[] {
  const byMac = new Map<string, DayFrame[]>(day.devices.map(({ mac }) => [mac, []]));
  for (const frame of heard) byMac.get(frame.mac)?.push(frame);
  const answers = day.devices.flatMap((device, number) => {
    const random = new Random(day.seed * 92_821 + number * 389 + 7);
    return answersOf(device, byMac.get(device.mac) ?? [], settings, random);
  });
  return [...heard, ...answers].sort((a, b) => a.atMs - b.atMs);
}
