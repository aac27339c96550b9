// How `wifi-monitor forget` and `wifi-monitor export` reach the monitors that run: what they hold of a device in memory has to go, or to
// be shown. Each monitor answers, so that whoever asks knows when it is done.
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { isDeviceMac, type MacAddress } from '../addresses/mac-address.js';
import { duplicateOf, type RedisClient } from '../redis/client.js';

const CHANNEL = 'nwm:ask';
const ANSWERS = 'nwm:answer:';
/** A monitor waits for what it is just writing to Redis. */
const ANSWERED_WITHIN_MS = 5_000;

const QUESTION = z.object({
  what: z.enum(['forget', 'recall']),
  mac: z.number().int().refine(isDeviceMac),
  answer: z.string().startsWith(ANSWERS).max(100),
});

/** What a monitor does for each question; what `recall` returns is sent back as JSON. */
export interface MonitorMemory {
  forget(mac: MacAddress): Promise<void>;
  recall(mac: MacAddress): unknown;
}

export interface Answers {
  /** How many monitors heard the question. */
  readonly heard: number;
  /** One for each that has answered in time. */
  readonly answers: readonly unknown[];
}

/** Asks every monitor on this Redis, and waits for the answers of all that heard it, for at most 5 s. */
export async function askMonitors(redis: RedisClient, what: 'forget' | 'recall', mac: MacAddress): Promise<Answers> {
  const answer = `${ANSWERS}${randomUUID()}`;
  const subscriber = duplicateOf(redis);
  subscriber.on('error', () => {});
  const answers: unknown[] = [];
  try {
    subscriber.on('message', (_channel: string, text: string) => void answers.push(JSON.parse(text)));
    await subscriber.subscribe(answer);
    const received = await redis.publish(CHANNEL, JSON.stringify({ what, mac, answer }));
    // Every node of a cluster passes it on, and each knows its own subscribers alone.
    const heard = 'nodes' in redis ? await monitorsOn(redis) : received;
    const deadlineMs = performance.now() + ANSWERED_WITHIN_MS;
    while (answers.length < heard && performance.now() < deadlineMs) await delay(10);
    return { heard, answers };
  } finally {
    subscriber.disconnect();
  }
}

/** How many monitors listen on this Redis. */
export async function monitorsOn(redis: RedisClient): Promise<number> {
  const servers = 'nodes' in redis ? redis.nodes('all') : [redis];
  const answers = await Promise.all(servers.map((server) => server.pubsub('NUMSUB', CHANNEL)));
  return answers.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** Answers questions. `subscriber` can do nothing else from now on; `redis` sends the answers. */
export function answerQuestions(subscriber: RedisClient, redis: RedisClient, memory: MonitorMemory): void {
  const reply = async (text: string) => {
    const { what, mac, answer } = QUESTION.parse(JSON.parse(text));
    const said = what === 'forget' ? await memory.forget(mac).then(() => null) : memory.recall(mac);
    await redis.publish(answer, JSON.stringify(said));
  };
  // What others write there is no question, and whoever asked is gone when Redis is.
  subscriber.on('message', (_channel: string, text: string) => void reply(text).catch(() => {}));
  // Until there is a connection it waits, and ioredis repeats it with each new one.
  subscriber.subscribe(CHANNEL).catch(() => {});
}
