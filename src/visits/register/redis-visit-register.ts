// The visit register that all sensors share, in Redis: one key for each device, and two Lua scripts.
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type MacAddress, macDigits } from '../../addresses/mac-address.js';
import { ownFile } from '../../own-files.js';
import type { RedisClient } from '../../redis/client.js';
import type { RegisteredVisit, Settlement, VisitRegister } from './visit-register.js';
import { MAX_VISITS } from './visit-register.js';

const CODES: Record<Settlement, string> = { reported: 'r', spaced: 's', recognised: 'k', ignored: 'i', labelled: 'l' };
const SETTLEMENTS = new Map<string, Settlement>(
  (Object.keys(CODES) as Settlement[]).map((settlement) => [CODES[settlement], settlement]),
);

const SIGHT_ANSWER = z.tuple([
  z.string().regex(/^\d+$/),
  z.string(),
  z.string().regex(/^\d*$/),
  z.union([z.literal(0), z.literal(1)]),
]);

/** The methods that ioredis adds for `defineCommand`. */
interface RegisterCommands {
  nwmSight(key: string, firstMs: number, lastMs: number, gapMs: number, ttlMs: number, most: number): Promise<unknown>;
  nwmSettle(key: string, startMs: number, code: string): Promise<unknown>;
}

export interface RedisVisitRegisterOptions {
  readonly businessId: number;
  readonly gapMs: number;
  /** Keys live this long after the last sighting. */
  readonly retentionMs: number;
}

export class RedisVisitRegister implements VisitRegister {
  private readonly commands: RegisterCommands;

  /** `redis` belongs to the caller: `close` does not end it. */
  constructor(
    private readonly redis: RedisClient,
    private readonly options: RedisVisitRegisterOptions,
  ) {
    for (const name of ['sight', 'settle']) {
      redis.defineCommand(`nwm${name[0]?.toUpperCase()}${name.slice(1)}`, {
        numberOfKeys: 1,
        lua: readFileSync(ownFile(`visits/register/${name}.lua`), 'utf8'),
      });
    }
    // The methods exist at run time only.
    this.commands = redis as unknown as RegisterCommands;
  }

  async registerSightings(mac: MacAddress, firstMs: number, lastMs: number): Promise<RegisteredVisit> {
    const { gapMs, retentionMs } = this.options;
    const answer = await this.commands.nwmSight(this.key(mac), firstMs, lastMs, gapMs, retentionMs, MAX_VISITS);
    const [start, code, reported, isOld] = SIGHT_ANSWER.parse(answer);
    return {
      startMs: Number(start),
      settlement: SETTLEMENTS.get(code) ?? null,
      lastReportedMs: reported === '' ? null : Number(reported),
      isOlderThanKept: isOld === 1,
    };
  }

  async settleVisit(mac: MacAddress, startMs: number, settlement: Settlement): Promise<void> {
    await this.commands.nwmSettle(this.key(mac), startMs, CODES[settlement]);
  }

  async forget(mac: MacAddress): Promise<void> {
    await this.redis.del(this.key(mac));
  }

  async close(): Promise<void> {}

  private key(mac: MacAddress): string {
    return `{nwm:${this.options.businessId}}:visits:${macDigits(mac)}`;
  }
}
