// How `wifi-monitor forget` reaches running sensors, so that they remove a device from their memory.
import { type MacAddress, macDigits, parseMac } from '../addresses/mac-address.js';
import type { RedisClient } from '../redis/client.js';

const CHANNEL = 'nwm:forget';

/** Tells every sensor on this Redis. Returns how many received it. */
export async function tellToForget(redis: RedisClient, mac: MacAddress): Promise<number> {
  const heard = await redis.publish(CHANNEL, macDigits(mac));
  if (!('nodes' in redis)) return heard;
  // Every node of a cluster passes it on, and each knows its own subscribers alone.
  const answers = await Promise.all(redis.nodes('all').map((node) => node.pubsub('NUMSUB', CHANNEL)));
  return answers.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Calls `forget` for each device that is to be forgotten. `redis` subscribes, so it can do nothing else from then on. */
export function onForget(redis: RedisClient, forget: (mac: MacAddress) => void): void {
  redis.on('message', (_channel, text) => {
    const mac = parseMac(text);
    if (mac !== null) forget(mac);
  });
  // Repeated by ioredis whenever the connection is back; until there is one it waits.
  redis.subscribe(CHANNEL).catch(() => {});
}
