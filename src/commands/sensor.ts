// `wifi-monitor sensor`: which sensors may hand over to the hubs on this Redis.
import { ConfigError } from '../config/config.js';
import { readConfig } from '../config/read.js';
import { Locations } from '../hub/locations.js';
import { SENSOR_NAME, SensorTokens } from '../hub/sensor-tokens.js';
import { countWords } from '../presenters/count-words.js';
import { printTable } from '../presenters/table.js';
import { withRedis } from '../sensor/redis-connection.js';

/** Prints the token of a new sensor, and nothing else. @throws ConfigError */
export function sensorAdd(name: string, businessId: number): Promise<number> {
  if (!SENSOR_NAME.test(name))
    throw new ConfigError([
      'sensor add: a name has at most 64 letters, digits, dots, dashes and underscores, and begins and ends with a letter or digit',
    ]);
  return withTokens(async (tokens) => {
    const token = await tokens.add(name, businessId);
    if (token === null)
      throw new Error(`there is a sensor ${name} already: revoke it first ("wifi-monitor sensor revoke ${name}")`);
    process.stdout.write(`${token}\n`);
    return 0;
  });
}

/** @throws ConfigError */
export function sensorRevoke(name: string): Promise<number> {
  return withTokens(async (tokens, locations) => {
    if (!(await tokens.revoke(name)))
      throw new Error(`there is no sensor ${name} ("wifi-monitor sensor list" lists them)`);
    await locations.forget(name);
    process.stdout.write(`${name} may hand over nothing any more.\n`);
    return 0;
  });
}

/** @throws ConfigError */
export function sensorList(options: { readonly json: boolean }): Promise<number> {
  return withTokens(async (_tokens, locations) => {
    const sensors = (await locations.all()).map(({ sensor, businessId, sinceMs, heard }) => ({
      type: 'sensor',
      name: sensor,
      business: businessId,
      since: new Date(sinceMs).toISOString(),
      lastHeard: heard === null ? null : new Date(heard.heardMs).toISOString(),
      version: heard?.version ?? null,
    }));
    if (options.json) {
      for (const sensor of sensors) process.stdout.write(`${JSON.stringify(sensor)}\n`);
      return 0;
    }
    printTable(
      [
        { title: 'NAME', least: 12 },
        { title: 'LOCATION' },
        { title: 'SINCE (UTC)', dispensable: 1 },
        { title: 'LAST HEARD (UTC)' },
      ],
      sensors.map(({ name, business, since, lastHeard }) => [
        name,
        String(business),
        since.slice(0, 19),
        lastHeard?.slice(0, 19) ?? 'never',
      ]),
    );
    process.stdout.write(`${countWords(sensors.length, 'sensor')}.\n`);
    return 0;
  });
}

function withTokens(work: (tokens: SensorTokens, locations: Locations) => Promise<number>): Promise<number> {
  const { redisUrl } = readConfig(process.env, { nexudus: false });
  if (redisUrl === null)
    throw new ConfigError(['REDIS_URL: must be set: the Redis of the hub, which keeps the tokens']);
  return withRedis(redisUrl, (redis) => {
    const tokens = new SensorTokens(redis);
    return work(tokens, new Locations(redis, tokens));
  });
}
