// The shape of reports in Redis, of this version and the one before.
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
  // Entries of former versions do not have it.
  proven: z.boolean().default(true),
  kin: z.object({ mac: z.number().int().refine(isDeviceMac), by: z.enum(['DHCP client id', 'host name']) }).nullish(),
});

/** Reads an entry. Returns null when this project did not write it, because others can write to Redis as well. */
export function parseReport(data: unknown): Report | null {
  const report = REPORT.safeParse(data);
  return report.success ? report.data : reportOfFormerEntry(data);
}
