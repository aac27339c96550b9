// A notice: what an operator's webhook is told. Its shape is that of Standard Webhooks (https://www.standardwebhooks.com).
import { z } from 'zod';

const DEVICE = z.object({
  id: z.string(),
  type: z.literal('device.unrecognised'),
  timestamp: z.string(),
  data: z.object({
    business: z.number(),
    /** Personal data. */
    mac: z.string(),
    vendor: z.string().nullable(),
    randomised: z.boolean(),
    kind: z.string().nullable(),
    hostname: z.string().nullable(),
    ips: z.array(z.string()),
    vlan: z.number().nullable(),
    firstSeen: z.string(),
  }),
});

const DEGRADED = z.object({
  id: z.string(),
  type: z.literal('health.degraded'),
  timestamp: z.string(),
  data: z.object({ business: z.number(), sensor: z.string(), reasons: z.array(z.string()) }),
});

const WELL = z.object({
  id: z.string(),
  type: z.literal('health.ok'),
  timestamp: z.string(),
  data: z.object({ business: z.number(), sensor: z.string() }),
});

const NOTICE = z.discriminatedUnion('type', [DEVICE, DEGRADED, WELL]);

/** `id` is sent as the header `webhook-id`, the same at each try; the rest is the body. Times are ISO 8601 in UTC. */
export type Notice = z.infer<typeof NOTICE>;
export type DeviceNotice = z.infer<typeof DEVICE>;

/** Returns null for what was not written by this program. */
export function parseNotice(value: unknown): Notice | null {
  return NOTICE.safeParse(value).data ?? null;
}

/** The JSON that is posted. */
export function noticeBody({ type, timestamp, data }: Notice): string {
  return JSON.stringify({ type, timestamp, data });
}

/** Whether the notice is about the device. `mac` is written with colons. */
export function isAbout(notice: Notice, mac: string): boolean {
  return notice.type === 'device.unrecognised' && notice.data.mac === mac;
}
