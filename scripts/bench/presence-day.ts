// A made-up day in a coworking space whose truth is known: who was in the building from when till when, and every frame that
// they sent. The same seed gives the same day. Numbers without a source beside them are assumptions, see README.md.
import {
  arpAnnouncement,
  arpBroadcastRequest,
  arpProbe,
  arpUnicastRequest,
  dhcpJoin,
  dhcpRejoin,
  dhcpRenewal,
  igmpReport,
  ipv6Join,
  type MadeFrame,
  type Multicast,
  multicast,
  type Speaker,
} from './presence-frames.js';
import { Random } from './random.js';

const SECOND = 1_000;
const MINUTE = 60_000;
const HOUR = 3_600_000;
export const DAY_MS = Date.UTC(2026, 2, 2);

type Range = readonly [least: number, most: number];
type Weighted<Choice> = readonly (readonly [Choice, weight: number])[];

export interface Span {
  readonly fromMs: number;
  /** The first millisecond after it. */
  readonly toMs: number;
}

/** What a device does by itself while its owner leaves it alone. */
export type Habit =
  /** Phones and tablets: asleep most of the time, awake for seconds in the background, and while somebody uses them. */
  | {
      readonly type: 'handheld';
      /** Minutes from one background wake to the next: "about every 15 min" (pimatic #209); iPads up to 20 (NetAlertX #1519). */
      readonly wakeMinutes: Range;
      /** Share of wakes that do not happen. Then the gap is two times as long, and at most `longestMinutes`. */
      readonly missedWakes: number;
      /** "Gaps of up to just over 30 min" (ha-edgeos #11). */
      readonly longestMinutes: number;
      /** Share of background wakes in which the device or the router revalidates the other, so that the router hears ARP. */
      readonly arpAtWake: number;
      readonly rejoinAtWake: number;
      /** Mean minutes from one use to the next; each owner has a mean of their own from this range. */
      readonly usedEveryMinutes: Range;
      readonly usedForMinutes: Range;
      readonly multicastInUse: number;
      /** Share of pick-ups after a sleep of ten minutes that begin with a quick rejoin. */
      readonly rejoinInUse: number;
      /** Share of uses in which it asks for another host by broadcast. */
      readonly broadcastArpInUse: number;
      /** Share of sleeps in which unicast ARP is answered at all (WatchYourLAN #65: often, late). */
      readonly answersAsleep: number;
    }
  /** Laptops: awake while the lid is open, and hardly heard while it is closed. */
  | {
      readonly type: 'laptop';
      /** Mean seconds from one revalidation of the router to the next; each device has a mean of its own from this range. */
      readonly arpSeconds: Range;
      readonly multicastMinutes: Range;
      readonly multicasts: Weighted<Multicast>;
      /** Mean minutes from one question for another host (a printer, a colleague's laptop) by broadcast to the next. */
      readonly broadcastArpMinutes: Range;
      /** Share of devices that wake now and then while the lid is closed (Power Nap, modern standby). */
      readonly naps: number;
    };

type HandheldHabit = Extract<Habit, { type: 'handheld' }>;
type LaptopHabit = Extract<Habit, { type: 'laptop' }>;

export type Kind = 'iphone' | 'ipad' | 'android' | 'android-15' | 'mac' | 'windows' | 'linux' | 'chromebook';

const PHONE = {
  type: 'handheld',
  wakeMinutes: [9, 19],
  missedWakes: 0.12,
  longestMinutes: 32,
  arpAtWake: 0.9,
  rejoinAtWake: 0.03,
  usedEveryMinutes: [20, 90],
  usedForMinutes: [0.5, 8],
  multicastInUse: 0.9,
  rejoinInUse: 0.15,
  broadcastArpInUse: 0.1,
  answersAsleep: 0.7,
} as const satisfies Habit;

const ANDROID = {
  ...PHONE,
  rejoinAtWake: 0.06,
  multicastInUse: 0.75,
  rejoinInUse: 0.25,
} as const satisfies Habit;

const LAPTOP = { type: 'laptop', arpSeconds: [30, 240], broadcastArpMinutes: [15, 90] } as const;

export const HABITS: Readonly<Record<Kind, Habit>> = {
  iphone: PHONE,
  ipad: {
    ...PHONE,
    wakeMinutes: [10, 20],
    missedWakes: 0,
    usedEveryMinutes: [60, 150],
    usedForMinutes: [3, 25],
    answersAsleep: 0.5,
  },
  android: ANDROID,
  // APFv6 answers ARP from firmware, also while the phone sleeps.
  'android-15': { ...ANDROID, answersAsleep: 0.98 },
  mac: {
    ...LAPTOP,
    multicastMinutes: [3, 12],
    multicasts: [
      ['mdns', 6],
      ['mdns-ipv6', 3],
      ['ssdp', 1],
    ],
    naps: 0.35,
  },
  windows: {
    ...LAPTOP,
    multicastMinutes: [1, 6],
    multicasts: [
      ['ssdp', 4],
      ['mdns', 3],
      ['llmnr', 2],
      ['netbios', 1],
    ],
    naps: 0.15,
  },
  linux: {
    ...LAPTOP,
    multicastMinutes: [8, 25],
    multicasts: [
      ['mdns', 3],
      ['ssdp', 1],
    ],
    naps: 0,
  },
  chromebook: {
    ...LAPTOP,
    multicastMinutes: [2, 8],
    multicasts: [
      ['mdns', 3],
      ['ssdp', 2],
    ],
    naps: 0,
  },
};

const PHONES: Weighted<Kind> = [
  ['iphone', 5],
  ['android', 3],
  ['android-15', 2],
];
const LAPTOPS: Weighted<Kind> = [
  ['mac', 5],
  ['windows', 4],
  ['linux', 1],
  ['chromebook', 1],
];

type Plan = 'stays in' | 'lunch outside' | 'half a day' | 'visitor' | 'comes twice' | 'long day';

/** Who comes, and with what. */
export interface Crowd {
  readonly plans: Weighted<Plan>;
  /** Share of people that registered devices. Of these people's devices, four in five are registered. */
  readonly members: number;
  readonly laptops: number;
  readonly tablets: number;
  /** Share of phones with a new private address at their second stay of the day. */
  readonly rotating: number;
  /** Phones and tablets lie unused for this many times as long. */
  readonly useLess: number;
  /** Share of background wakes of phones and tablets in which they send a multicast. Nobody has published it. */
  readonly multicastAtWake: number;
  /** How long people who have lunch outside are away. */
  readonly lunchMinutes: Range;
}

const OFFICE: Crowd = {
  plans: [
    ['stays in', 32],
    ['lunch outside', 32],
    ['half a day', 14],
    ['visitor', 12],
    ['comes twice', 7],
    ['long day', 3],
  ],
  members: 0.55,
  laptops: 0.7,
  tablets: 0.12,
  rotating: 0.08,
  useLess: 1,
  multicastAtWake: 0.7,
  lunchMinutes: [30, 80],
};

export const CROWDS = {
  /** Members and some visitors, most with a laptop. */
  office: OFFICE,
  /** Phones and tablets lie on the desk: seldom used, and quiet when they wake. */
  sleepy: { ...OFFICE, laptops: 0.3, tablets: 0.3, useLess: 3, multicastAtWake: 0.4 },
  /** Everybody has a quick lunch next door. */
  lunch: {
    ...OFFICE,
    plans: [
      ['lunch outside', 90],
      ['visitor', 10],
    ],
    lunchMinutes: [30, 60],
  },
  /** An event: many strangers, short stays, hardly a laptop. */
  guests: {
    ...OFFICE,
    plans: [
      ['visitor', 60],
      ['comes twice', 20],
      ['half a day', 20],
    ],
    members: 0.2,
    laptops: 0.25,
    rotating: 0.15,
  },
} as const satisfies Record<string, Crowd>;
export type CrowdName = keyof typeof CROWDS;

export interface DayDevice extends Speaker {
  readonly kind: Kind;
  readonly registered: boolean;
  /** When it was in the building. In order; never touching. */
  readonly stays: readonly Span[];
  /** Within the stays: when it is awake, in order. */
  readonly awake: readonly Span[];
  /** Within the stays: when it is a laptop with a closed lid, in order. */
  readonly closed: readonly Span[];
  readonly naps: boolean;
}

export interface DayFrame extends MadeFrame {
  /** Ms since the epoch. */
  readonly atMs: number;
  /** The device that the frame proves; of an answer of the DHCP server, the device that it is for. */
  readonly mac: string;
}

export interface PresenceDay {
  readonly seed: number;
  readonly devices: readonly DayDevice[];
  /** In order of time. */
  readonly frames: readonly DayFrame[];
}

export interface DayOptions {
  readonly seed: number;
  readonly crowd: CrowdName;
  readonly devices: number;
  /** Instead of the crowd's own, to see how much depends on it. */
  readonly multicastAtWake?: number;
}

interface Person {
  readonly stays: readonly Span[];
  /** When a laptop of theirs is closed while they are in the building. */
  readonly closed: readonly Span[];
  readonly lunch: Span | null;
}

function spanOf(fromMs: number, toMs: number): Span {
  return { fromMs, toMs };
}

function hours(random: Random, range: Range): number {
  return DAY_MS + random.between(range) * HOUR;
}

/** Somebody who is there from morning till evening. `outside` is whether lunch is. */
function fullDay(random: Random, from: Range, to: Range, outsideMinutes: Range | null): Person {
  const fromMs = hours(random, from);
  const toMs = hours(random, to);
  const lunchMs = hours(random, [12, 13.25]);
  const lunch = spanOf(lunchMs, lunchMs + random.between(outsideMinutes ?? [20, 50]) * MINUTE);
  const meetingMs = hours(random, [14.5, 15.5]);
  const meeting = spanOf(meetingMs, meetingMs + random.between([20, 60]) * MINUTE);
  const closed = random.chance(0.35) ? [meeting] : [];
  if (outsideMinutes !== null)
    return { stays: [spanOf(fromMs, lunch.fromMs), spanOf(lunch.toMs, toMs)], closed, lunch };
  return { stays: [spanOf(fromMs, toMs)], closed: random.chance(0.7) ? [lunch, ...closed] : closed, lunch: null };
}

function personOf(crowd: Crowd, random: Random): Person {
  const plan = random.pick(crowd.plans);
  const stay = (from: Range, forHours: Range) => {
    const fromMs = hours(random, from);
    return spanOf(fromMs, fromMs + random.between(forHours) * HOUR);
  };
  const single = (...stays: Span[]): Person => ({ stays, closed: [], lunch: null });
  switch (plan) {
    case 'stays in':
      return fullDay(random, [8, 10.5], [16.5, 19], null);
    case 'lunch outside':
      return fullDay(random, [8, 10.5], [16.5, 19], crowd.lunchMinutes);
    case 'half a day':
      return single(random.chance(0.5) ? stay([8, 9.5], [3, 4.5]) : stay([13, 14.5], [3, 5]));
    case 'visitor':
      return single(stay([9, 16], [0.75, 2.5]));
    case 'comes twice':
      return single(stay([8.5, 10], [0.75, 2]), stay([14, 16], [0.75, 2.5]));
    case 'long day':
      return fullDay(random, [7, 8], [20, 22], random.chance(0.5) ? crowd.lunchMinutes : null);
  }
}

const NAMES = ['Anna', 'Marc', 'Lucia', 'Jorge', 'Ines', 'Tom', 'Marta', 'Pau', 'Nora', 'Felix'];
const PARAMETERS = {
  apple: [1, 121, 3, 6, 15, 108, 114, 119, 162, 252, 95, 44, 46],
  android: [1, 3, 6, 15, 26, 28, 51, 58, 59, 43, 114, 108],
  windows: [1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252],
  linux: [1, 28, 2, 3, 15, 6, 12, 121, 42],
} as const;

function hex(value: number): string {
  return value.toString(16).padStart(2, '0');
}

/** Its last octets are the device's number, so that no two are the same. */
function macOf(prefix: string, device: number): string {
  return `${prefix}:${hex(device >> 8)}:${hex(device & 0xff)}`;
}

function privateMac(random: Random, device: number): string {
  const octets = [(random.below(64) << 2) | 2, random.below(256), random.below(256), random.below(256)];
  return macOf(octets.map(hex).join(':'), device);
}

function registeredMac(random: Random, oui: string, device: number): string {
  return macOf(`${oui}:${hex(random.below(256))}`, device);
}

function speakerOf(kind: Kind, random: Random, device: number): Speaker {
  const ip = `10.20.${1 + Math.floor(device / 200)}.${10 + (device % 200)}`;
  const name = NAMES[random.below(NAMES.length)] ?? 'Anna';
  const isPrivate = { mac: privateMac(random, device), ip };
  // With a private address the DHCP host name is generic or missing (Apple 102076).
  const generic = (hostname: string) => (random.chance(0.3) ? null : hostname);
  switch (kind) {
    case 'iphone':
      return { ...isPrivate, hostname: generic('iPhone'), vendorClass: null, parameterList: PARAMETERS.apple };
    case 'ipad':
      return { ...isPrivate, hostname: generic('iPad'), vendorClass: null, parameterList: PARAMETERS.apple };
    case 'android':
    case 'android-15': {
      const vendorClass = kind === 'android' ? 'android-dhcp-13' : 'android-dhcp-15';
      return { ...isPrivate, hostname: generic('Galaxy-S23'), vendorClass, parameterList: PARAMETERS.android };
    }
    case 'mac':
      return random.chance(0.5)
        ? { ...isPrivate, hostname: generic('Mac'), vendorClass: null, parameterList: PARAMETERS.apple }
        : {
            mac: registeredMac(random, '3c:22:fb', device),
            ip,
            hostname: `${name}s-MacBook-Pro`,
            vendorClass: null,
            parameterList: PARAMETERS.apple,
          };
    case 'windows':
      return {
        mac: registeredMac(random, '3c:58:c2', device),
        ip,
        hostname: `LAPTOP-${random
          .below(36 ** 6)
          .toString(36)
          .toUpperCase()}`,
        vendorClass: 'MSFT 5.0',
        parameterList: PARAMETERS.windows,
      };
    case 'linux':
      return {
        mac: registeredMac(random, '9c:bf:0d', device),
        ip,
        hostname: `${name.toLowerCase()}-thinkpad`,
        vendorClass: null,
        parameterList: PARAMETERS.linux,
      };
    case 'chromebook':
      // ChromeOS leaves option 12 out.
      return {
        mac: registeredMac(random, '14:ab:c5', device),
        ip,
        hostname: null,
        vendorClass: null,
        parameterList: PARAMETERS.linux,
      };
  }
}

const HANDHELD_MULTICASTS: Weighted<Multicast> = [
  ['mdns', 2],
  ['mdns-ipv6', 1],
];

/** One laptop's own means. */
interface LaptopPace {
  readonly arpSeconds: number;
  readonly multicastMinutes: number;
  readonly broadcastArpMinutes: number;
  readonly naps: boolean;
}

/** T1 of a lease of two hours. */
const RENEW_AFTER_MS = HOUR;
const LONG_SLEEP_MS = 10 * MINUTE;

/** Lives one device's day, and keeps what it sends. */
class DeviceDay {
  readonly frames: DayFrame[] = [];
  readonly awake: Span[] = [];
  readonly closed: Span[] = [];
  private hasLease = false;
  private renewMs = 0;
  /** The stay that is being lived. */
  private stay: Span = { fromMs: 0, toMs: 0 };

  constructor(
    private readonly speaker: Speaker,
    private readonly kind: Kind,
    private readonly random: Random,
  ) {}

  private transactionId(): number {
    return this.random.below(2 ** 32);
  }

  private isAndroid(): boolean {
    return this.kind === 'android' || this.kind === 'android-15';
  }

  /** Whoever has left sends nothing. */
  private send(atMs: number, frame: MadeFrame): void {
    const at = Math.round(atMs);
    if (at < this.stay.fromMs || at >= this.stay.toMs) return;
    this.frames.push({ ...frame, atMs: at, mac: this.speaker.mac });
  }

  /** Sends frames one after the other, each a little later than the one before. */
  private sendInTurn(fromMs: number, apartMs: Range, frames: readonly MadeFrame[]): number {
    let atMs = fromMs;
    for (const frame of frames) {
      this.send(atMs, frame);
      atMs += this.random.between(apartMs);
    }
    return atMs;
  }

  /** The burst of a device that connects: a lease, and when it is not a quick rejoin of Android's, what follows it. */
  private join(atMs: number): void {
    const { speaker, random } = this;
    const isRejoin = this.hasLease;
    const lease = isRejoin ? dhcpRejoin(speaker, this.transactionId()) : dhcpJoin(speaker, this.transactionId());
    const leasedMs = this.sendInTurn(atMs, [20, 400], lease);
    this.hasLease = true;
    this.renewMs = leasedMs + RENEW_AFTER_MS;
    if (isRejoin && this.isAndroid()) return;
    const probes = isRejoin ? [] : [arpProbe(speaker), arpProbe(speaker)];
    this.sendInTurn(leasedMs, [200, 900], [...probes, arpAnnouncement(speaker), ...ipv6Join(speaker)]);
    this.send(leasedMs + random.between([1_500, 4_000]), igmpReport(speaker));
  }

  /** The device and the router speak, and one of them revalidates the other. */
  private speakWithRouter(atMs: number): void {
    this.send(atMs, arpUnicastRequest(this.speaker));
    if (atMs < this.renewMs) return;
    this.sendInTurn(atMs + 300, [20, 200], dhcpRenewal(this.speaker, this.transactionId()));
    this.renewMs = atMs + RENEW_AFTER_MS;
  }

  private askForAnother(atMs: number): void {
    this.send(atMs, arpBroadcastRequest(this.speaker, 6 + this.random.below(200)));
  }

  private sendMulticast(atMs: number, kinds: Weighted<Multicast>): void {
    this.send(atMs, multicast(this.random.pick(kinds), this.speaker));
  }

  private beAwake(fromMs: number, toMs: number): void {
    const { stay, awake } = this;
    const to = Math.min(toMs, stay.toMs);
    if (fromMs >= to) return;
    const latest = awake.at(-1);
    // A device that is picked up while it is awake stays awake.
    if (latest !== undefined && latest.toMs >= fromMs) {
      awake.pop();
      awake.push(spanOf(latest.fromMs, Math.max(latest.toMs, to)));
    } else awake.push(spanOf(fromMs, to));
  }

  liveHandheld(stay: Span, habit: HandheldHabit, crowd: Crowd, everyMinutes: number): void {
    const { random } = this;
    this.stay = stay;
    const joinMs = stay.fromMs + random.between([2, 30]) * SECOND;
    this.join(joinMs);
    let asleepMs = this.use(joinMs, random.between([1, 6]) * MINUTE, habit, false);
    // Half of all people hold their phone when they leave.
    const goodbyeMs = random.chance(0.5) ? stay.toMs - random.between([0.5, 3]) * MINUTE : Number.POSITIVE_INFINITY;
    let useMs = asleepMs + random.wait(everyMinutes * crowd.useLess) * MINUTE;
    let wakeMs = asleepMs + this.untilWake(habit);
    while (asleepMs < stay.toMs) {
      const nextUseMs = asleepMs > goodbyeMs ? useMs : Math.min(useMs, goodbyeMs);
      if (nextUseMs <= wakeMs) {
        const isLong = nextUseMs - asleepMs > LONG_SLEEP_MS;
        asleepMs = this.use(nextUseMs, random.between(habit.usedForMinutes) * MINUTE, habit, isLong);
        useMs = asleepMs + random.wait(everyMinutes * crowd.useLess) * MINUTE;
      } else asleepMs = this.wakeInBackground(wakeMs, habit, crowd);
      wakeMs = asleepMs + this.untilWake(habit);
    }
  }

  private untilWake({ wakeMinutes, missedWakes, longestMinutes }: HandheldHabit): number {
    const { random } = this;
    const missed = random.chance(missedWakes) ? random.between(wakeMinutes) : 0;
    return Math.min(random.between(wakeMinutes) + missed, longestMinutes) * MINUTE;
  }

  /** Returns when it is asleep again. */
  private wakeInBackground(atMs: number, habit: HandheldHabit, crowd: Crowd): number {
    const { random } = this;
    const toMs = atMs + random.between([3, 25]) * SECOND;
    this.beAwake(atMs, toMs);
    if (random.chance(habit.rejoinAtWake)) this.join(atMs);
    if (random.chance(habit.arpAtWake)) this.speakWithRouter(atMs + random.between([200, 2_500]));
    if (random.chance(crowd.multicastAtWake))
      this.sendMulticast(atMs + random.between([200, 2_500]), HANDHELD_MULTICASTS);
    return toMs;
  }

  /** Returns when it is asleep again. */
  private use(fromMs: number, forMs: number, habit: HandheldHabit, afterLongSleep: boolean): number {
    const { random } = this;
    const toMs = fromMs + forMs;
    this.beAwake(fromMs, toMs);
    if (afterLongSleep && random.chance(habit.rejoinInUse)) this.join(fromMs);
    for (let atMs = fromMs + random.between([500, 5_000]); atMs < toMs; atMs += random.between([40, 120]) * SECOND)
      this.speakWithRouter(atMs);
    if (random.chance(habit.broadcastArpInUse)) this.askForAnother(fromMs + random.between([1_000, 10_000]));
    if (!random.chance(habit.multicastInUse)) return toMs;
    for (let atMs = fromMs + random.between([500, 4_000]); atMs < toMs; atMs += random.wait(3 * MINUTE))
      this.sendMulticast(atMs, HANDHELD_MULTICASTS);
    return toMs;
  }

  liveLaptop(stay: Span, habit: LaptopHabit, closed: readonly Span[], pace: LaptopPace): void {
    const { random } = this;
    this.stay = stay;
    // It comes and goes in its owner's bag.
    let openMs = stay.fromMs + random.between([1, 10]) * MINUTE;
    const packedMs = Math.max(openMs, stay.toMs - random.between([1, 6]) * MINUTE);
    this.closed.push(spanOf(stay.fromMs, openMs));
    for (const lid of [...closed, spanOf(packedMs, stay.toMs)]) {
      if (lid.fromMs < openMs || lid.toMs > stay.toMs) continue;
      this.beOpen(openMs, lid.fromMs, habit, pace);
      this.closed.push(lid);
      if (pace.naps && lid.toMs < stay.toMs) this.nap(lid, habit);
      openMs = lid.toMs;
    }
  }

  private beOpen(fromMs: number, toMs: number, habit: LaptopHabit, pace: LaptopPace): void {
    const { random } = this;
    if (fromMs >= toMs) return;
    this.beAwake(fromMs, toMs);
    this.join(fromMs + random.between([1, 4]) * SECOND);
    const sendEvery = (meanMs: number, send: (atMs: number) => void) => {
      for (let atMs = fromMs + 5 * SECOND + random.wait(meanMs); atMs < toMs; atMs += random.wait(meanMs)) send(atMs);
    };
    sendEvery(pace.arpSeconds * SECOND, (atMs) => this.speakWithRouter(atMs));
    sendEvery(pace.multicastMinutes * MINUTE, (atMs) => this.sendMulticast(atMs, habit.multicasts));
    sendEvery(pace.broadcastArpMinutes * MINUTE, (atMs) => this.askForAnother(atMs));
  }

  private nap(lid: Span, habit: LaptopHabit): void {
    const { random } = this;
    const untilNext = () => random.between([12, 35]) * MINUTE;
    for (let atMs = lid.fromMs + untilNext(); atMs < lid.toMs; atMs += untilNext()) {
      this.speakWithRouter(atMs);
      if (random.chance(0.5)) this.sendMulticast(atMs + SECOND, habit.multicasts);
    }
  }
}

interface Owned {
  readonly kind: Kind;
  readonly registered: boolean;
  readonly stays: readonly Span[];
  readonly closed: readonly Span[];
}

/** The devices that one person brings. */
function broughtBy(random: Random, crowd: Crowd): Owned[] {
  const person = personOf(crowd, random);
  const isMember = random.chance(crowd.members);
  const isRegistered = () => isMember && random.chance(0.8);
  const owned: Owned[] = [];

  const phone: Owned = { kind: random.pick(PHONES), registered: isRegistered(), stays: person.stays, closed: [] };
  const [first, ...later] = person.stays;
  if (first !== undefined && later.length > 0 && random.chance(crowd.rotating)) {
    // A new private address is a new device to everybody, and nobody has registered it.
    owned.push({ ...phone, stays: [first] }, { ...phone, registered: false, stays: later });
  } else owned.push(phone);

  if (random.chance(crowd.laptops)) {
    const laptop = { kind: random.pick(LAPTOPS), registered: isRegistered() };
    const last = person.stays.at(-1);
    // More laptops stay on the desk, closed, than go to lunch with their owner.
    if (person.lunch !== null && first !== undefined && last !== undefined && random.chance(0.6)) {
      const closed = [person.lunch, ...person.closed];
      owned.push({ ...laptop, stays: [spanOf(first.fromMs, last.toMs)], closed });
    } else owned.push({ ...laptop, stays: person.stays, closed: person.closed });
  }
  if (random.chance(crowd.tablets)) owned.push({ ...phone, kind: 'ipad', registered: isRegistered() });
  return owned;
}

function whole({ fromMs, toMs }: Span): Span {
  return spanOf(Math.round(fromMs), Math.round(toMs));
}

function live(owned: Owned, number: number, random: Random, crowd: Crowd): { device: DayDevice; frames: DayFrame[] } {
  const { kind, registered } = owned;
  const habit = HABITS[kind];
  const stays = owned.stays.map(whole);
  const speaker = speakerOf(kind, random, number);
  const day = new DeviceDay(speaker, kind, random);
  let naps = false;
  switch (habit.type) {
    case 'handheld': {
      const everyMinutes = random.between(habit.usedEveryMinutes);
      for (const stay of stays) day.liveHandheld(stay, habit, crowd, everyMinutes);
      break;
    }
    case 'laptop': {
      naps = random.chance(habit.naps);
      const pace = {
        arpSeconds: random.between(habit.arpSeconds),
        multicastMinutes: random.between(habit.multicastMinutes),
        broadcastArpMinutes: random.between(habit.broadcastArpMinutes),
        naps,
      };
      for (const stay of stays) day.liveLaptop(stay, habit, owned.closed, pace);
      break;
    }
  }
  const device = { ...speaker, kind, registered, stays, awake: day.awake, closed: day.closed, naps };
  return { device, frames: day.frames };
}

export function presenceDay({ seed, crowd: name, devices: wanted, multicastAtWake }: DayOptions): PresenceDay {
  const crowd: Crowd = multicastAtWake === undefined ? CROWDS[name] : { ...CROWDS[name], multicastAtWake };
  const people = new Random(seed);
  const devices: DayDevice[] = [];
  const frames: DayFrame[] = [];
  const owned: Owned[] = [];
  while (owned.length < wanted) owned.push(...broughtBy(people, crowd));
  for (const [number, each] of owned.slice(0, wanted).entries()) {
    // Numbers of its own, so that what one device does changes nothing about another.
    const lived = live(each, number, new Random(seed * 65_537 + number * 257 + 1), crowd);
    devices.push(lived.device);
    frames.push(...lived.frames);
  }
  frames.sort((a, b) => a.atMs - b.atMs);
  return { seed, devices, frames };
}

/** Where the sensor is, and whether the access points pass multicasts from Wi-Fi to the wire. */
export type Place = 'router' | 'wired' | 'wired, multicast filtered';

/** The frames that reach a sensor. */
export function heardAt(place: Place, frames: readonly DayFrame[]): readonly DayFrame[] {
  switch (place) {
    case 'router':
      return frames;
    case 'wired':
      return frames.filter(({ reach }) => reach === 'all');
    case 'wired, multicast filtered':
      return frames.filter(({ reach, evidence }) => reach === 'all' && evidence === 'sighting');
  }
}
