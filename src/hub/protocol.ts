// What a sensor and its hub say to each other, as JSON over HTTP. Both ends check what they read against these shapes.
//
// Fields are only ever added, each with a default for who does not send it; what an end does not know it leaves out. PROTOCOL is raised
// when a field is added. A hub understands sensors of its own protocol, of every earlier one, and of the next one.
import { z } from 'zod';
import { formatMac, isDeviceMac, type MacAddress, parseMac } from '../addresses/mac-address.js';
import { PROTOCOLS, type Protocol } from '../decode/protocol.js';
import { LABEL_KINDS, labelName } from '../devices/labels.js';
import type { Report } from '../outbox/report.js';

export const PROTOCOL = 1;
export const HAND_OVER_PATH = '/v1/hand-over';
export const LABEL_PATH = '/v1/label';

/** Visits in one message. */
export const MAX_VISITS_A_MESSAGE = 100;
/** Octets of one message. */
export const MAX_MESSAGE = 128 * 1024;

const MAC = z.string().transform((text, context): MacAddress => {
  const mac = parseMac(text);
  if (mac !== null && isDeviceMac(mac)) return mac;
  context.addIssue({ code: 'custom', message: 'must be the MAC address of a device' });
  return z.NEVER;
});
const MILLISECONDS = z.number().int().nonnegative().max(8_640_000_000_000_000);
const DECISIONS = ['ignored', 'recognised', 'unrecognised'] as const;

const VISIT = z
  .object({
    /** The sensor's id of the visit; the answer repeats it. */
    id: z.string().min(1).max(64),
    mac: MAC,
    /** By the sensor's clock: see `sentAtMs`. */
    firstMs: MILLISECONDS,
    lastMs: MILLISECONDS,
    kind: z.string().max(64).nullable().default(null),
    hostname: z.string().max(255).nullable().default(null),
    ipv4: z.number().int().nonnegative().max(0xff_ff_ff_ff).default(0),
    ipv6: z
      .string()
      .regex(/^[0-9a-f:.]{2,45}$/)
      .nullable()
      .default(null),
    /** A newer sensor may have seen a protocol that this hub does not know. */
    via: z
      .array(z.string().max(16))
      .max(16)
      .default([])
      .transform((names) => PROTOCOLS.filter((protocol): protocol is Protocol => names.includes(protocol))),
    kin: z
      .object({ mac: MAC, by: z.enum(['DHCP client id', 'host name']) })
      .nullable()
      .default(null),
    /** The device has shown that it is real (see Report). */
    proven: z.boolean().default(true),
    /** The visit was handed over before, and no answer came. */
    mayHaveArrived: z.boolean().default(false),
  })
  .refine(({ firstMs, lastMs }) => firstMs <= lastMs, { message: 'firstMs must not be after lastMs' });

export type HandedVisit = z.infer<typeof VISIT>;

export const HAND_OVER = z.object({
  protocol: z.number().int().min(1).max(10_000),
  version: z.string().max(40),
  /** The location that the sensor takes itself to be at: must be that of its token. */
  businessId: z.number().int().nullable().default(null),
  /** The sensor's clock as it sent this. */
  sentAtMs: MILLISECONDS,
  /** How far the sensor's clock was ahead of the hub's when it was last measured; null before the first answer. */
  clockOffsetMs: z.number().int().nullable().default(null),
  timeZone: z.string().max(64).nullable().default(null),
  visits: z.array(VISIT).max(MAX_VISITS_A_MESSAGE),
  /** How the sensor does, for the hub's page. */
  state: z
    .object({
      openVisits: z.number().int().nonnegative(),
      /** Visits and reports that are not handed over yet. */
      waiting: z.number().int().nonnegative(),
      troubles: z.array(z.string().max(300)).max(10),
    })
    .nullable()
    .default(null),
});
export type HandOverMessage = z.infer<typeof HAND_OVER>;

const TAKEN_VISIT = z.object({
  id: z.string(),
  outcome: z.literal('taken'),
  decision: z.enum(DECISIONS),
  reason: z.string().max(1_000),
  /** Whose the device is; null where nobody knows, and where the hub does not share names. */
  name: z.string().max(200).nullable().default(null),
  label: z.enum(LABEL_KINDS).nullable().default(null),
});
const REFUSED_VISIT = z.object({ id: z.string(), outcome: z.literal('refused'), reason: z.string().max(1_000) });

export const HAND_OVER_ANSWER = z.object({
  protocol: z.number().int().min(1),
  /** The hub's clock as it answered. */
  nowMs: MILLISECONDS,
  /** Another text after every change of the location's labels; null when there never was one. */
  labels: z.string().max(64).nullable().default(null),
  visits: z.array(z.discriminatedUnion('outcome', [TAKEN_VISIT, REFUSED_VISIT])),
});
export type HandOverAnswer = z.infer<typeof HAND_OVER_ANSWER>;
export type AnsweredVisit = HandOverAnswer['visits'][number];
export type TakenVisit = z.infer<typeof TAKEN_VISIT>;

export const LABEL_MESSAGE = z.object({
  mac: MAC,
  /** Null removes the label. */
  label: z
    .object({
      as: z.enum(LABEL_KINDS),
      name: z
        .string()
        .refine((name) => labelName(name) === name)
        .nullable(),
    })
    .nullable(),
});
export const LABEL_ANSWER = z.object({ done: z.boolean() });

export interface WireVisit extends Omit<z.input<typeof VISIT>, 'via'> {
  readonly via: readonly string[];
}

/** A report as it goes to the hub. `lastMs`: when the device was last heard. */
export function wireVisit(report: Report, lastMs: number, mayHaveArrived: boolean): WireVisit {
  const { id, mac, startMs, kind, hostname, ipv4, ipv6, via, kin, proven } = report;
  return {
    id,
    mac: formatMac(mac),
    firstMs: startMs,
    lastMs: Math.max(startMs, lastMs),
    kind,
    hostname,
    ipv4,
    ipv6,
    via,
    kin: kin === undefined || kin === null ? null : { mac: formatMac(kin.mac), by: kin.by },
    proven,
    mayHaveArrived,
  };
}
