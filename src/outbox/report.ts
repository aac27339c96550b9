// The report: the facts about an unrecognised visit on their way to Nexudus, and the shape in which they lie in Redis.
// The failed check-in's body is made of them when it is posted or shown (nexudus/failed-checkin.ts).
import { z } from 'zod';
import { isDeviceMac } from '../addresses/mac-address.js';
import { PROTOCOLS } from '../decode/protocol.js';
import type { CheckinFacts } from '../nexudus/failed-checkin.js';
import { reportOfFormerEntry } from './former-entry.js';

export interface Report extends CheckinFacts {
  /** The visit's id: enqueueing the same visit twice is harmless. */
  readonly id: string;
  /** A post was begun and its outcome is not known: Nexudus must be searched before posting again. */
  readonly sent: boolean;
}

const REPORT = z.object({
  id: z.string(),
  businessId: z.number().int(),
  mac: z.number().int().refine(isDeviceMac),
  startMs: z.number().int(),
  localStart: z.string().nullable(),
  hostname: z.string().nullable(),
  ipv4: z.number().int().nonnegative(),
  ipv6: z.string().nullable(),
  via: z.array(z.enum(PROTOCOLS)),
  inactive: z
    .object({ coworkerId: z.number().int(), name: z.string(), status: z.enum(['inactive', 'archived']) })
    .nullable(),
  sent: z.boolean(),
});

/** Reads what comes back from a store that others can write to. Null: not written by this project. */
export function parseReport(data: unknown): Report | null {
  const report = REPORT.safeParse(data);
  return report.success ? report.data : reportOfFormerEntry(data);
}
