// The hub that ships, in the test's process, and sensors that hand over to it.
import { type Logger, pino } from 'pino';
import type { Sandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { readConfig } from '../../src/config/read.js';
import { SensorTokens } from '../../src/hub/sensor-tokens.js';
import { type Hub, startHub } from '../../src/sensor/hub.js';
import { withRedis } from '../../src/sensor/redis-connection.js';
import { freePort } from '../redis-server.js';
import { type Answer, ask } from '../status/ask.js';
import { type TrialOptions, TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';

export interface TrialHubOptions {
  readonly sandbox: Sandbox;
  readonly redisUrl: string;
  readonly log?: Logger;
  readonly environment?: NodeJS.ProcessEnv;
}

export class TrialHub {
  private constructor(
    private readonly hub: Hub,
    private readonly options: TrialHubOptions,
  ) {}

  /** Resolves when the directory is read. */
  static async start(options: TrialHubOptions): Promise<TrialHub> {
    const config = readConfig(
      {
        NEXUDUS_URL: options.sandbox.url,
        NEXUDUS_USERNAME: 'admin@example.com',
        NEXUDUS_PASSWORD: 'secret',
        NEXUDUS_POSTS_PER_MINUTE: '60000',
        NEXUDUS_POSTS_PER_DAY: '1000000',
        REDIS_URL: options.redisUrl,
        HUB_PORT: '0',
        STATUS_PORT: String(await freePort()),
        ...options.environment,
      },
      { nexudus: false, hub: true },
    );
    const hub = await startHub(config, {
      version: '0.1.0',
      log: options.log ?? pino({ level: 'silent' }),
      pace: async () => {},
    });
    await until('the directory is read', () => hub.directory.loaded);
    return new TrialHub(hub, options);
  }

  get url(): string {
    return this.hub.url;
  }

  get statusUrl(): string {
    return this.hub.status?.url ?? '';
  }

  /** A new sensor's token. */
  async token(name: string, businessId: number): Promise<string> {
    const token = await withRedis(this.options.redisUrl, (redis) => new SensorTokens(redis).add(name, businessId));
    if (token === null) throw new Error(`there is a sensor ${name} already`);
    return token;
  }

  revoke(name: string): Promise<boolean> {
    return withRedis(this.options.redisUrl, (redis) => new SensorTokens(redis).revoke(name));
  }

  /** Sends what a sensor with this token might. */
  post(token: string | null, body: unknown, path = '/v1/hand-over'): Promise<Answer> {
    return ask(`${this.url}${path}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  }

  close(): Promise<void> {
    return this.hub.close();
  }
}

/** A sensor without a login that hands over to `hubUrl`. */
export function sensorOf(
  hubUrl: string,
  token: string,
  options: Omit<TrialOptions, 'token'> & { readonly sandbox: Sandbox },
): Promise<TrialSensor> {
  const { environment, ...more } = options;
  return TrialSensor.start({
    heartbeatMs: 200,
    ...more,
    environment: {
      NEXUDUS_URL: '',
      NEXUDUS_USERNAME: '',
      NEXUDUS_PASSWORD: '',
      NEXUDUS_BUSINESS_ID: '',
      HUB_URL: hubUrl,
      HUB_TOKEN: token,
      ...environment,
    },
  });
}

/** A message of a sensor with these visits. */
export function message(visits: readonly object[], more: object = {}): object {
  return { protocol: 1, version: '0.1.0', sentAtMs: Date.now(), visits, ...more };
}

/** A visit as a sensor sends it. */
export function visit(mac: string, more: object = {}): object {
  const nowMs = Date.now();
  return { id: `0-${mac.replaceAll(':', '')}-${nowMs}`, mac, firstMs: nowMs, lastMs: nowMs, via: ['arp'], ...more };
}
