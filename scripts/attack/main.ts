// npm run attack -- --minutes N (default 5, needs root): a guest who knows this source attacks a monitor on a LAN with a real DHCP
// server, while visitors come. Prints what got through. The exit code is 1 when something did that README does not name.
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { BUSINESS_ID, Deployment, type ReceivedCheckin, STATUS_PORT } from '../../test/lan/deployment.js';
import { type Client, Lan } from '../../test/lan/lan.js';
import type { RunningProcess } from '../../test/run-process.js';
import { until } from '../../test/until.js';
import { SELF_HIDING } from './forgeries.js';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '5' } } });
const seconds = Number(values.minutes) * 60;

const REGISTERED = '3c:22:fb:00:00:03';
const ROUTER = '02:00:5e:00:53:ff';
const POSTS_PER_DAY = 400;
/** What a flood may cost a Redis that serves nothing else. */
const MAX_REDIS_MB = 30;
/** Each visit has a line, and a flood begins some; the frames that were held back must have none. */
const MAX_LOG_LINES = 3_000;
const VISITORS = 80;
/** Between two looks at health. */
const LOOK_EVERY_MS = 2_000;

const PHASES = ['forging', 'making devices up', 'flooding'] as const;
type Phase = (typeof PHASES)[number];

interface Visitor {
  readonly mac: string;
  readonly phase: Phase;
}

let unexplained = 0;

function verdict(isGood: boolean, goal: string, words: string): void {
  if (!isGood) unexplained++;
  process.stdout.write(`${isGood ? 'held   ' : 'BROKEN '} ${goal.padEnd(34)} ${words}\n`);
}

const phaseOf = (attacker: RunningProcess): Phase =>
  PHASES.findLast((phase) => attacker.stdout.includes(phase)) ?? 'forging';

const digits = (mac: string) => mac.replaceAll(':', '');
const visitorMac = (number: number) => `3c:22:fb:a7:00:${number.toString(16).padStart(2, '0')}`;

/** One person after the other comes, each with a device that nobody registered, until the attacker is done. */
async function visit(client: Client, attacker: RunningProcess, visitors: Visitor[]): Promise<void> {
  for (let number = 0; attacker.isRunning && number < VISITORS; number++) {
    const mac = visitorMac(number);
    const phase = phaseOf(attacker);
    await client.disconnect();
    await client.run('ip', ['link', 'set', 'eth0', 'address', mac]);
    await client.lease();
    await client.announce(2);
    visitors.push({ mac, phase });
    await setTimeout((seconds * 1_000) / VISITORS);
  }
}

/** What health said while the attacker was at it, each sentence once. */
async function watchHealth(deployment: Deployment, attacker: RunningProcess, reasons: Set<string>): Promise<void> {
  while (attacker.isRunning) {
    const { text } = await deployment.status('/healthz');
    const { reasons: current } = JSON.parse(text) as { reasons: string[] };
    for (const reason of current) reasons.add(reason.replaceAll(/\d+/g, 'N'));
    await setTimeout(LOOK_EVERY_MS);
  }
}

async function redisMb({ redis }: Deployment): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.cli('INFO', 'memory'))?.[1]) / 1e6;
}

interface Story {
  readonly received: readonly ReceivedCheckin[];
  /** The keys of the entries in the outbox, each with the digits of a MAC. */
  readonly waiting: string;
  readonly reasons: ReadonlySet<string>;
  readonly log: readonly string[];
}

function timesReported({ received }: Story, mac: string): number {
  return received.filter(({ MacAddresses }) => MacAddresses === mac.toUpperCase()).length;
}

function judgeVisitors(story: Story, visitors: readonly Visitor[]): void {
  for (const phase of PHASES) {
    const came = visitors.filter((visitor) => visitor.phase === phase);
    if (came.length === 0) continue;
    const reported = came.filter(({ mac }) => timesReported(story, mac) === 1);
    const twice = came.filter(({ mac }) => timesReported(story, mac) > 1);
    const waits = came.filter(({ mac }) => timesReported(story, mac) === 0 && story.waiting.includes(digits(mac)));
    const hidden = came.length - reported.length - twice.length - waits.length;
    const words = `${came.length} came while the attacker was ${phase}: ${reported.length} reported, ${waits.length} wait`;
    verdict(hidden + twice.length === 0, 'hide a victim', `${words}, ${hidden} hidden, ${twice.length} twice`);
  }
}

function judgeAttacker(story: Story): void {
  SELF_HIDING.forEach(({ name, mac }, i) => {
    const self = mac ?? `da:a1:19:00:66:0${i}`;
    const isKnown = timesReported(story, self) === 1 || story.waiting.includes(digits(self));
    const lines = story.log.filter((line) => line.includes(self) && /"(role|reason)":"[^"]+"/.test(line));
    const role = /"(?:role|reason)":"([^"]+)"/.exec(lines[0] ?? '')?.[1];
    const words = isKnown
      ? `${name}: reported all the same`
      : role === undefined
        ? `${name}: not reported, and nothing said`
        : `${name}: not reported, because it acts as "${role}", which the log says (${lines.length} line${lines.length === 1 ? '' : 's'})`;
    verdict(isKnown || role !== undefined, 'hide itself', words);
  });
}

const lan = await Lan.create({ ipv6: true, routerMac: ROUTER });
try {
  const sensor = await lan.sensor();
  const seed = {
    users: [{ Id: 1, FullName: 'Carla Coworker', Active: true, Devices: REGISTERED }],
    coworkers: [{ Id: 11, UserId: 1, FullName: 'Carla Coworker', Active: true, Archived: false }],
  };
  const deployment = await Deployment.start(lan, sensor, seed, ['--appendonly', 'yes']);
  const monitor = await deployment.monitor({
    LOG_LEVEL: 'info',
    STATUS_PORT,
    NEXUDUS_POSTS_PER_DAY: `${POSTS_PER_DAY}`,
  });
  // The network is older than the attack: somebody joined, and the server was heard.
  const registered = await lan.client({ mac: REGISTERED });
  await registered.lease();
  const before = await redisMb(deployment);

  const attackers = await lan.client({ mac: 'da:a1:19:00:66:f0' });
  const targets = [REGISTERED, ...Array.from({ length: 20 }, (_, i) => visitorMac(i * 2))];
  const program = new URL('./attacker.js', import.meta.url).pathname;
  const attacker = attackers.start('node', [
    ...[program, `${seconds * 0.6}`, `${seconds * 0.4}`, ROUTER, lan.routerIp, ...targets],
  ]);
  const visitors: Visitor[] = [];
  const reasons = new Set<string>();
  const person = await lan.client();
  await Promise.all([visit(person, attacker, visitors), watchHealth(deployment, attacker, reasons)]);
  const { code } = await attacker.exit();
  if (code !== 0) throw new Error(`the attacker's program failed:\n${attacker.lines.join('\n')}`);

  // One more comes after all of it.
  await person.disconnect();
  const last = visitorMac(99);
  await person.run('ip', ['link', 'set', 'eth0', 'address', last]);
  await person.lease();
  const waiting = () => deployment.redis.cli('KEYS', `{nwm:outbox}:failed-checkins:${BUSINESS_ID}-*`);
  await until('everybody who came is reported or waits', async () => {
    // A flood holds new devices back; one that is here shows itself again.
    await person.announce();
    const received = await deployment.checkins();
    return (
      received.some(({ MacAddresses }) => MacAddresses === last.toUpperCase()) ||
      (await waiting()).includes(digits(last))
    );
  });
  const story: Story = {
    received: await deployment.checkins(),
    waiting: await waiting(),
    reasons,
    log: monitor.lines,
  };

  process.stdout.write(
    `\nan attack of ${values.minutes} min at location ${BUSINESS_ID}, ${story.received.length} posts of ${POSTS_PER_DAY}\n\n`,
  );
  judgeAttacker(story);
  judgeVisitors(story, visitors);
  verdict(
    timesReported(story, REGISTERED) === 0,
    'have a registered device reported',
    `${timesReported(story, REGISTERED)} reports of it`,
  );
  const madeUp = story.received.filter(({ MacAddresses }) => MacAddresses.startsWith('DA:66')).length;
  const isLoud = [...reasons].some((reason) => /budget|posts|arriv|day/i.test(reason));
  verdict(madeUp < POSTS_PER_DAY / 2 || isLoud, 'use up the budget', `${madeUp} posts for devices that do not exist`);
  const grown = (await redisMb(deployment)) - before;
  verdict(grown < MAX_REDIS_MB, 'fill Redis', `${grown.toFixed(1)} MB more than before`);
  const lines = monitor.lines.length;
  verdict(lines < MAX_LOG_LINES, 'flood the log', `${lines} lines`);
  verdict(monitor.isRunning, 'end the monitor', monitor.isRunning ? 'it runs' : 'it ended');
  process.stdout.write('\nWhat health said meanwhile:\n');
  for (const reason of reasons) process.stdout.write(`- ${reason}\n`);
  await deployment.stop();
  process.exitCode = unexplained === 0 ? 0 : 1;
} finally {
  await lan.close();
}
