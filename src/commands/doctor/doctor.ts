// `wifi-monitor doctor`: tries everything that the monitor needs, and prints a line for each: what is wrong, and what to do.
import { z } from 'zod';
import { captureLive } from '../../capture/live-interface.js';
import { defaultRoute, listInterfaces, readInterface } from '../../capture/network-interfaces.js';
import { type Config, ConfigError } from '../../config/config.js';
import { readConfig } from '../../config/read.js';
import { createNexudusClient, type NexudusClient, NexudusError } from '../../nexudus/client.js';
import { withRedis } from '../../sensor/redis-connection.js';
import { type Finding, fail, note, ok } from './finding.js';
import { examineHub } from './hub.js';
import { listeningAdvice } from './listening.js';
import { examineRedis } from './redis.js';

/**
 * With a larger difference to Nexudus's clock, this machine's clock is wrong. Nexudus sends whole seconds, and a request takes time.
 */
const MAX_SKEW_MS = 30_000;
/** Reading roles, each with the call that needs it. */
interface Role {
  readonly role: string;
  readonly path: string;
  /** The role for reading a record of that list. It is tried if the list has a record. */
  readonly readRole?: string;
}
const ROLES: readonly Role[] = [
  { role: 'User-List', path: '/api/sys/users', readRole: 'User-Read' },
  { role: 'RegisteredDevice-List', path: '/api/sys/registereddevices' },
  { role: 'Coworker-List', path: '/api/spaces/coworkers' },
  { role: 'FailedCheckin-List', path: '/api/spaces/failedcheckins', readRole: 'FailedCheckin-Read' },
];
const ROLES_FOR_INACTIVE: readonly Role[] = [
  { role: 'Coworker-List', path: '/api/spaces/coworkers', readRole: 'Coworker-Read' },
  { role: 'CoworkerContract-List', path: '/api/billing/coworkercontracts' },
  { role: 'Team-List', path: '/api/spaces/teams' },
];

/**
 * Prints the findings. Returns 1 when anything fails, else 0. `watchMs`: how long to listen, so as to judge the place of the sensor;
 * null for not at all.
 */
export async function doctor({ watchMs }: { readonly watchMs: number | null }): Promise<number> {
  let failed = false;
  const print = ({ health, about, text }: Finding) => {
    failed ||= health === 'FAIL';
    process.stdout.write(`${health.padEnd(4)}  ${about.padEnd(13)}  ${text}\n`);
  };
  let config: Config;
  try {
    config = readConfig(process.env, { nexudus: true });
    print(
      ok(
        'configuration',
        config.dryRun ? 'every setting is valid (DRY_RUN: nothing will be posted)' : 'every setting is valid',
      ),
    );
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) print(fail('configuration', problem));
    return 1;
  }
  for (const finding of capture(config)) print(finding);
  for await (const finding of redis(config)) print(finding);
  for await (const finding of nexudus(config)) print(finding);
  if (watchMs !== null) {
    const { watchPlace } = await import('./watch.js');
    const names = interfacesOf(config).filter((name) => readInterface(name)?.isUp === true);
    for await (const finding of watchPlace(config, names, watchMs)) print(finding);
  }
  return failed ? 1 : 0;
}

function interfacesOf({ interfaces }: Config): readonly string[] {
  const route = defaultRoute();
  if (interfaces.length > 0) return interfaces;
  return route === null ? [] : [route.interfaceName];
}

function* capture(config: Config): Generator<Finding> {
  const names = interfacesOf(config);
  if (names.length === 0) {
    const there = listInterfaces().map(({ name }) => name);
    yield fail(
      'capture',
      `there is no default route to tell the interface: set CAPTURE_INTERFACE to one of ${there.join(', ')}`,
    );
  }
  for (const name of names) {
    const found = readInterface(name);
    if (found === null)
      yield fail(
        'capture',
        `there is no interface ${name}: correct CAPTURE_INTERFACE ("wifi-monitor interfaces" lists what there is)`,
      );
    else if (!found.isUp) yield fail('capture', `${name} is down: bring it up with "ip link set ${name} up"`);
    else {
      yield tryCapture(name, config, found.hasCarrier || found.isLoopback);
      for (const advice of listeningAdvice(found, config)) yield note('capture', advice);
    }
  }
}

function tryCapture(name: string, { promiscuous, ipv6 }: Config, hasLink: boolean): Finding {
  try {
    captureLive(name, { promiscuous, ipv6 }, () => {}).close();
  } catch (error) {
    return fail('capture', error instanceof Error ? error.message : String(error));
  }
  return hasLink
    ? ok('capture', `capturing on ${name} is permitted`)
    : fail('capture', `${name} has no link: check the cable or the Wi-Fi`);
}

async function* redis({ redisUrl }: Config): AsyncGenerator<Finding> {
  if (redisUrl === null) {
    yield note('Redis', 'REDIS_URL is not set: visits and failed check-ins are forgotten when the monitor restarts');
    return;
  }
  try {
    for (const finding of await withRedis(redisUrl, examineRedis)) yield finding;
  } catch (error) {
    yield fail('Redis', error instanceof Error ? error.message : String(error));
  }
}

async function* nexudus(config: Config): AsyncGenerator<Finding> {
  if (config.hub !== null) {
    yield* examineHub(config.hub, config);
    return;
  }
  if (config.login === null) {
    yield note('Nexudus', 'no login is set: devices are known from KNOWN_DEVICES_FILE alone');
    return;
  }
  const client = createNexudusClient({ url: config.nexudusUrl, auth: config.login, clientId: 'wifi-monitor-doctor' });
  try {
    let isLoggedIn = false;
    for (const { role, path, readRole } of [...ROLES, ...(config.reportInactive ? ROLES_FOR_INACTIVE : [])]) {
      const { failure, firstId } = await tryList(client, role, path);
      if (failure?.kind === 'login-refused') {
        yield fail(
          'login',
          `Nexudus refuses it: ${failure.message}. Check NEXUDUS_USERNAME, NEXUDUS_PASSWORD and NEXUDUS_TOTP_SECRET`,
        );
        return;
      }
      if (failure?.kind === 'unavailable' || failure?.kind === 'unexpected') {
        yield fail('Nexudus', `${failure.message}. Check NEXUDUS_URL and this machine's way to the internet`);
        return;
      }
      if (!isLoggedIn) yield ok('login', `Nexudus at ${config.nexudusUrl} answers`);
      isLoggedIn = true;
      yield findingAbout(role, failure);
      if (readRole === undefined || failure !== null) continue;
      if (firstId === null) yield note('role', `${readRole} could not be tried: there is no record to read yet`);
      else yield findingAbout(readRole, await tryRead(client, readRole, `${path}/${firstId}`));
    }
    yield note('role', 'FailedCheckin-Create cannot be tried without making a record: make sure the account has it');
    yield aboutClock(client.clockSkewMs());
  } finally {
    await client.close();
  }
}

const LIST = z.object({ Records: z.array(z.object({ Id: z.number().int() })) });

type Failure = NexudusError['failure'] | null;

/** Reads the first record of a list. */
async function tryList(
  client: NexudusClient,
  role: string,
  path: string,
): Promise<{ failure: Failure; firstId: number | null }> {
  let firstId: number | null = null;
  const failure = await failureOf(async () => {
    const { Records } = await client.get(path, LIST, { role, query: { page: 1, size: 1 } });
    firstId = Records[0]?.Id ?? null;
  });
  return { failure, firstId };
}

function tryRead(client: NexudusClient, role: string, path: string): Promise<Failure> {
  return failureOf(() => client.get(path, z.unknown(), { role }));
}

/** Returns why a call failed; null when it succeeded. */
async function failureOf(call: () => Promise<unknown>): Promise<Failure> {
  try {
    await call();
    return null;
  } catch (error) {
    if (error instanceof NexudusError) return error.failure;
    throw error;
  }
}

function findingAbout(role: string, failure: Failure): Finding {
  switch (failure?.kind) {
    case undefined:
      return ok('role', `${role}`);
    case 'throttled':
      return note('role', `${role} could not be tried: Nexudus asks to wait, try again later`);
    case 'unauthorised':
      return fail('role', `${role} is missing: add it to the account's role in Nexudus (${failure.message})`);
    default:
      return fail('role', `${role}: ${failure?.kind === 'rejected' ? failure.messages.join('; ') : failure?.kind}`);
  }
}

function aboutClock(skewMs: number | null): Finding {
  if (skewMs === null) return note('clock', 'Nexudus does not tell the time');
  const seconds = Math.round(Math.abs(skewMs) / 1_000);
  if (Math.abs(skewMs) <= MAX_SKEW_MS) return ok('clock', `within ${Math.max(1, seconds)} s of Nexudus's`);
  const side = skewMs > 0 ? 'ahead of' : 'behind';
  return fail('clock', `${seconds} s ${side} Nexudus's: failed check-ins would carry the wrong time. Turn on NTP`);
}
