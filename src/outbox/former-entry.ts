// Reads entries of version 0.1 in Redis. They contain the body of a failed check-in, from which the facts are read.
import { z } from 'zod';
import { isDeviceMac } from '../addresses/mac-address.js';
import { PROTOCOL_NAMES, PROTOCOLS } from '../decode/protocol.js';
import type { InactiveOwner } from '../nexudus/failed-checkin.js';
import type { Report } from './report.js';

const FORMER_ENTRY = z.object({
  id: z.string(),
  mac: z.number().int().refine(isDeviceMac),
  ipv4: z.number().int().nonnegative(),
  hostname: z.string().nullable(),
  sent: z.boolean(),
  checkin: z.object({
    BusinessId: z.number().int(),
    CheckinAttemptTime: z.string(),
    CheckinAttemptTimeLocal: z.string().optional(),
    Description: z.string(),
    CoworkerId: z.number().int().optional(),
  }),
});

/** Returns the report of a former entry; null when `data` is none. */
export function reportOfFormerEntry(data: unknown): Report | null {
  const entry = FORMER_ENTRY.safeParse(data);
  if (!entry.success) return null;
  const { id, mac, ipv4, hostname, sent, checkin } = entry.data;
  const startMs = Number(id.split('-').at(-1));
  if (!Number.isSafeInteger(startMs)) return null;
  return {
    id,
    businessId: checkin.BusinessId,
    mac,
    startMs,
    localStart: checkin.CheckinAttemptTimeLocal ?? null,
    kind: null,
    hostname,
    ipv4,
    ipv6: ipv4 === 0 ? (/, IP ([0-9a-f:.]+)[,.]/.exec(checkin.Description)?.[1] ?? null) : null,
    via: protocolsIn(checkin.Description),
    likelyOwner: null,
    inactive: inactiveOwnerIn(checkin),
    sent,
    proven: true,
  };
}

/** `Unrecognised device: ..., seen by ARP, DHCP and NDP.` */
function protocolsIn(description: string): Report['via'] {
  const names = /, seen by ([A-Za-z0-9, ]+)\.$/.exec(description)?.[1]?.split(/, | and /) ?? [];
  return names.flatMap((name) => PROTOCOLS.filter((protocol) => PROTOCOL_NAMES[protocol] === name));
}

/** `Device of Anna Keller (account archived): ...` */
function inactiveOwnerIn(checkin: { CoworkerId?: number | undefined; Description: string }): InactiveOwner | null {
  if (checkin.CoworkerId === undefined) return null;
  const [, name = '', status] = /^Device of (.*?) \(account (inactive|archived)\):/.exec(checkin.Description) ?? [];
  return { coworkerId: checkin.CoworkerId, name, status: status === 'archived' ? 'archived' : 'inactive' };
}
