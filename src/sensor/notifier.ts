// Tells the operator's webhook (NOTIFY_URL) of unrecognised devices, and of health that is degraded or well again.
import { hostname } from 'node:os';
import { formatIpv4 } from '../addresses/ip-address.js';
import { formatMac, type MacAddress } from '../addresses/mac-address.js';
import { isRandomised, vendorOf } from '../addresses/vendor.js';
import type { Config } from '../config/config.js';
import type { Decision } from '../devices/decision.js';
import { kindOfVisit } from '../devices/kind-of-visit.js';
import type { DeviceNotice } from '../notices/notice.js';
import { MemoryNotices, type NoticeQueue, type NoticeQueueEdges } from '../notices/notice-queue.js';
import { RedisNotices } from '../notices/redis-notices.js';
import { Webhook } from '../notices/webhook.js';
import type { PipelineListener } from '../pipeline/listeners.js';
import type { VisitRecord } from '../pipeline/record.js';
import type { RedisClient } from '../redis/client.js';
import { type HealthFacts, healthOf } from '../status/facts/health.js';
import { visitId } from '../visits/register/visit-register.js';
import { type Closing, within } from './closing.js';
import { type Logger, textForLog } from './log.js';
import { connectRedis } from './redis-connection.js';

/** How often the health is looked at, and how long it must have changed before somebody is told. */
export interface HealthPatience {
  readonly lookEveryMs: number;
  readonly lastsMs: number;
}

const HEALTH_PATIENCE: HealthPatience = { lookEveryMs: 10_000, lastsMs: 60_000 };
const STOPS_WITHIN_MS = 1_000;
const SAY_TROUBLE_EVERY_MS = 60_000;

export interface NotifierParts {
  readonly log: Logger;
  readonly closing: Closing;
  /** Where it is kept that somebody was told of degraded health; null without Redis. */
  readonly redis: RedisClient | null;
  /** For tests. */
  readonly healthPatience: HealthPatience | undefined;
}

/** Returns null without NOTIFY_URL, and in a dry run, which tells nobody anything. */
export function openNotifier(config: Config, parts: NotifierParts): Notifier | null {
  const { notify, dryRun, redisUrl, retentionMs } = config;
  if (notify === null || dryRun) return null;
  const { closing } = parts;
  const log = parts.log.child({ stage: 'notices' });
  const webhook = new Webhook({ ...notify, keepMs: retentionMs });
  closing.add(() => webhook.close());
  const edges = { ...noticeLog(log), deliver: webhook.deliver.bind(webhook) };
  const businessId = config.businessId ?? 0;
  // Of its own health a sensor must be able to tell while Redis is away, and a restart finds out about it anew.
  const ofHealth = new MemoryNotices(edges);
  let ofDevices: NoticeQueue = ofHealth;
  if (redisUrl !== null) {
    const redis = connectRedis(redisUrl, 'delivering', log);
    closing.add(() => redis.disconnect());
    const onError = (error: Error) =>
      log.debug({ cause: textForLog(error.message, config.logMacs) }, 'notices met an error of Redis');
    ofDevices = new RedisNotices(redis, businessId, retentionMs, { ...edges, onError });
  }
  for (const queue of new Set([ofDevices, ofHealth])) closing.add(() => within(STOPS_WITHIN_MS, queue.close()));
  return new Notifier({ businessId, retentionMs }, { ...parts, log, ofDevices, ofHealth });
}

export class Notifier implements PipelineListener {
  constructor(
    private readonly settings: { readonly businessId: number; readonly retentionMs: number },
    private readonly parts: NotifierParts & { readonly ofDevices: NoticeQueue; readonly ofHealth: NoticeQueue },
  ) {}

  /** Its own failed check-in went to the outbox: whoever is spaced, recognised or ignored is no news. */
  onDecision(record: VisitRecord): void {
    const { visit, startMs, decision, settlement, report } = record;
    if (decision?.kind !== 'unrecognised' || settlement !== 'reported' || startMs === null || report === null) return;
    const notice: DeviceNotice = {
      id: visitId(this.settings.businessId, visit.mac, startMs),
      type: 'device.unrecognised',
      timestamp: new Date().toISOString(),
      data: {
        business: this.settings.businessId,
        mac: formatMac(visit.mac),
        vendor: vendorOf(visit.mac),
        randomised: isRandomised(visit.mac),
        kind: kindOfVisit(visit),
        hostname: visit.hostname,
        ips: [...visit.ipv4s.map(formatIpv4), ...visit.ipv6s],
        vlan: visit.vlan,
        firstSeen: new Date(startMs).toISOString(),
      },
    };
    this.attempt(async () => this.parts.ofDevices.add(notice));
  }

  onDecidedAnew(record: VisitRecord, before: Decision): void {
    if (before.kind !== 'unrecognised') this.onDecision(record);
  }

  onForget(mac: MacAddress): void {
    this.attempt(async () => this.parts.ofDevices.forget(formatMac(mac)));
  }

  /** Looks at the health again and again, and tells when it has changed for good. */
  watchHealth(ask: () => Promise<HealthFacts>): void {
    const { healthPatience: patience = HEALTH_PATIENCE, closing, redis, ofHealth, log } = this.parts;
    const { businessId: business, retentionMs } = this.settings;
    const sensor = hostname();
    const key = `{nwm:${business}}:told-degraded:${sensor}`;
    let told: 'ok' | 'degraded' | null = redis === null ? 'ok' : null;
    let sinceMs: number | null = null;

    const look = async () => {
      const { lastsMs } = patience;
      // While Redis is away nobody can tell, and that is degraded health.
      told ??= (await redis?.exists(key).catch(() => 0)) === 1 ? 'degraded' : 'ok';
      const { status, reasons } = healthOf(await ask());
      if (status === told) sinceMs = null;
      else sinceMs ??= performance.now();
      if (sinceMs === null || performance.now() - sinceMs < lastsMs) return;
      told = status;
      sinceMs = null;
      const timestamp = new Date().toISOString();
      const id = `${business}-${sensor}-${status}-${Date.now()}`;
      if (status === 'degraded') {
        await ofHealth.add({
          id,
          type: 'health.degraded',
          timestamp,
          data: { business, sensor, reasons: [...reasons] },
        });
        await redis?.set(key, timestamp, 'PX', retentionMs);
      } else {
        await ofHealth.add({ id, type: 'health.ok', timestamp, data: { business, sensor } });
        await redis?.del(key);
      }
    };
    const timer = setInterval(
      () => void look().catch((error) => log.debug({ cause: String(error) }, 'could not look at the health')),
      patience.lookEveryMs,
    );
    closing.add(() => clearInterval(timer));
  }

  private attempt(work: () => Promise<void>): void {
    work().catch((error) => this.parts.log.debug({ cause: String(error) }, 'a notice could not be kept'));
  }
}

/** One line a notice, troubles at most once a minute, without address or URL. */
function noticeLog(log: Logger): Pick<NoticeQueueEdges, 'onDelivered' | 'onFull'> {
  let saidMs = Number.NEGATIVE_INFINITY;
  const rarely = (say: () => void) => {
    if (performance.now() - saidMs < SAY_TROUBLE_EVERY_MS) return;
    saidMs = performance.now();
    say();
  };
  return {
    onDelivered({ type }, delivered) {
      switch (delivered.kind) {
        case 'done':
          log.info({ type }, 'the webhook was told');
          break;
        case 'given-up':
          log.error({ type, cause: delivered.reason }, 'the webhook was not told: the notice is given up');
          break;
        case 'wait':
          rarely(() => log.warn({ type, cause: delivered.reason }, 'the webhook (NOTIFY_URL) fails; notices wait'));
          break;
      }
    },
    onFull: () => rarely(() => log.error('too many notices wait for the webhook (NOTIFY_URL): some are dropped')),
  };
}
