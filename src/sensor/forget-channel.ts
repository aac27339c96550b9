// How `wifi-monitor forget` reaches the monitors that run: what they hold of a device in memory has to go too.
import type { Redis } from 'ioredis';
import { type MacAddress, macDigits, parseMac } from '../addresses/mac-address.js';

const CHANNEL = 'nwm:forget';

/** Tells every monitor on this Redis. Returns how many heard it. */
export function tellToForget(redis: Redis, mac: MacAddress): Promise<number> {
  return redis.publish(CHANNEL, macDigits(mac));
}

/** Calls back for each device that is to be forgotten. `redis` can do nothing else from then on (it subscribes). */
export function onForget(redis: Redis, forget: (mac: MacAddress) => void): void {
  redis.on('message', (_channel, text) => {
    const mac = parseMac(text);
    if (mac !== null) forget(mac);
  });
  // Repeated by ioredis whenever the connection is back; until there is one it waits.
  redis.subscribe(CHANNEL).catch(() => {});
}
