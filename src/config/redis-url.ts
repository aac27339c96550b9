// Where REDIS_URL leads: one server, its socket, a primary that sentinels name, or a cluster.

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

interface RedisLogin {
  /** Null: Redis's default user. */
  readonly username: string | null;
  readonly password: string | null;
}

export type RedisPlace = RedisLogin &
  (
    | {
        readonly kind: 'server';
        readonly address: RedisAddress;
        readonly db: number;
        readonly tls: boolean;
        /** 4, 6, or 0 for whichever the name has. */
        readonly family: number | null;
      }
    | { readonly kind: 'socket'; readonly path: string; readonly db: number }
    | {
        readonly kind: 'sentinel';
        readonly sentinels: readonly RedisAddress[];
        /** The sentinels' own login; null where they ask for none. */
        readonly sentinelUsername: string | null;
        readonly sentinelPassword: string | null;
        /** What the sentinels call the primary. */
        readonly name: string;
        readonly db: number;
        readonly tls: boolean;
      }
    | { readonly kind: 'cluster'; readonly nodes: readonly RedisAddress[]; readonly tls: boolean }
  );

const URL_SHAPE =
  /^(rediss?(?:-sentinel|-cluster)?|unix):\/\/(?:([^/?#]*)@)?([^/?#]*)([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/s;
const REDIS_PORT = 6379;
const SENTINEL_PORT = 26379;
const EXAMPLES =
  'redis://127.0.0.1:6379/0, redis-sentinel://10.0.0.1:26379,10.0.0.2:26379/0#mymaster, redis-cluster://10.0.0.1:7000,10.0.0.2:7001 ' +
  '(rediss... with TLS) or unix:///run/redis/redis.sock';

class Wrong extends Error {}

/** Reads a REDIS_URL. What is wrong with it comes as text that begins with "must" and repeats none of it. */
export function parseRedisUrl(
  text: string,
): { readonly ok: true; readonly place: RedisPlace } | { readonly ok: false; readonly problem: string } {
  try {
    return { ok: true, place: placeOf(text) };
  } catch (error) {
    if (error instanceof Wrong) return { ok: false, problem: error.message };
    throw error;
  }
}

/** @throws Error when the URL is wrong; `parseRedisUrl` tells why */
export function redisPlace(url: string): RedisPlace {
  const parsed = parseRedisUrl(url);
  if (parsed.ok) return parsed.place;
  throw new Error(`REDIS_URL: ${parsed.problem}`);
}

function placeOf(text: string): RedisPlace {
  const [whole, scheme = '', userInfo = '', hosts = '', path = '', query = '', fragment = ''] =
    URL_SHAPE.exec(text) ?? [];
  if (whole === undefined) throw new Wrong(`must be a URL such as ${EXAMPLES}`);
  const login = loginOf(userInfo);
  const tls = scheme.startsWith('rediss');
  if (scheme !== 'redis-sentinel' && scheme !== 'rediss-sentinel' && fragment !== '')
    throw new Wrong('must not have a # unless it is the name of the primary in a redis-sentinel: URL');
  switch (scheme) {
    case 'unix':
      return socketOf(userInfo + hosts, path, query);
    case 'redis':
    case 'rediss': {
      const [address, ...more] = addressesOf(hosts === '' ? 'localhost' : hosts, REDIS_PORT);
      if (address === undefined || more.length > 0)
        throw new Wrong('must name one host; several need redis-sentinel: or redis-cluster:');
      const { db, family } = optionsOf(query, ['db', 'family']);
      const wanted = family === undefined ? null : Number(family);
      if (wanted !== null && ![0, 4, 6].includes(wanted)) throw new Wrong('must have family=0, 4 or 6');
      return { kind: 'server', address, db: databaseOf(db ?? path.slice(1)), tls, family: wanted, ...login };
    }
    case 'redis-sentinel':
    case 'rediss-sentinel': {
      const options = optionsOf(query, ['sentinelUsername', 'sentinelPassword']);
      const name = decoded(fragment);
      if (name === '') throw new Wrong('must end in #NAME, which is what the sentinels call the primary');
      return {
        kind: 'sentinel',
        sentinels: addressesOf(hosts, SENTINEL_PORT),
        sentinelUsername: options.sentinelUsername ?? null,
        sentinelPassword: options.sentinelPassword ?? null,
        name,
        db: databaseOf(path.slice(1)),
        tls,
        ...login,
      };
    }
    default:
      optionsOf(query, []);
      if (databaseOf(path.slice(1)) !== 0) throw new Wrong('must not name a database: a cluster has only number 0');
      return { kind: 'cluster', nodes: addressesOf(hosts, REDIS_PORT), tls, ...login };
  }
}

function socketOf(host: string, path: string, query: string): RedisPlace {
  const file = decoded(path);
  if (host !== '' || file.length < 2)
    throw new Wrong(
      'must have, after unix://, a path and at most ?db=NUMBER&username=NAME&password=PASSWORD, such as unix:///run/redis/redis.sock',
    );
  const { db = '', username, password } = optionsOf(query, ['db', 'username', 'password']);
  return { kind: 'socket', path: file, db: databaseOf(db), username: username ?? null, password: password ?? null };
}

function loginOf(userInfo: string): RedisLogin {
  const [, username = '', password = ''] = /^([^:]*)(?::(.*))?$/s.exec(userInfo) ?? [];
  return {
    username: username === '' ? null : decoded(username),
    password: password === '' ? null : decoded(password),
  };
}

function addressesOf(hosts: string, port: number): RedisAddress[] {
  return hosts.split(',').map((part) => {
    const [whole, inBrackets, name, given] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/i.exec(part) ?? [];
    const number = given === undefined ? port : Number(given);
    if (whole === undefined || number < 1 || number > 65_535)
      throw new Wrong('must have hosts such as redis.example:6379, separated by commas alone');
    return { host: inBrackets ?? decoded(name ?? ''), port: number };
  });
}

function optionsOf<Name extends string>(query: string, names: readonly Name[]): Partial<Record<Name, string>> {
  const options: Partial<Record<Name, string>> = {};
  // Not URLSearchParams, which takes + for a space: passwords have such.
  for (const pair of query === '' ? [] : query.split('&')) {
    const [, given = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(pair) ?? [];
    const name = names.find((known) => known === given);
    if (name === undefined)
      throw new Wrong(
        names.length === 0 ? 'must not have options after ?' : `must have no other options than ${names.join(', ')}`,
      );
    options[name] = decoded(value);
  }
  return options;
}

function databaseOf(text: string): number {
  if (!/^\d{0,6}$/.test(text)) throw new Wrong('must name the database by its number');
  return Number(text);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Wrong('must have % in user name, password and path written as %25');
  }
}
