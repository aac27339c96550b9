// The shape in which reports lie in Redis, as this version and the one before wrote them.
import { z } from 'zod';
import { isDeviceMac } from '../addresses/mac-address.js';
import { PROTOCOLS } from '../decode/protocol.js';
import { reportOfFormerEntry } from './former-entry.js';
import type { Report } from './report.js';

const REPORT = z.object({
  id: z.string(),
  businessId: z.number().int(),
  mac: z.number().int().refine(isDeviceMac),
  startMs: z.number().int(),
  localStart: z.string().nullable(),
  kind: z.string().nullable(),
  hostname: z.string().nullable(),
  ipv4: z.number().int().nonnegative(),
  ipv6: z.string().nullable(),
  via: z.array(z.enum(PROTOCOLS)),
  likelyOwner: z.string().nullable(),
  inactive: z
    .object({ coworkerId: z.number().int(), name: z.string(), status: z.enum(['inactive', 'archived']) })
    .nullable(),
  sent: z.boolean(),
  // Entries of before do not have it.
  proven: z.boolean().default(true),
  kin: z.object({ mac: z.number().int().refine(isDeviceMac), by: z.enum(['DHCP client id', 'host name']) }).nullish(),
});

/** Reads what comes back from a store that others can write to. Null: not written by this project. */
export function parseReport(data: unknown): Report | null {
  const report = REPORT.safeParse(data);
  return report.success ? report.data : reportOfFormerEntry(data);
}
