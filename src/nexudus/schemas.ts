// The shapes of Nexudus's answers. Only fields that are used are named here; others are ignored. Lists are summaries: any field of a
// record but its Id may be null or missing.
import { z } from 'zod';

const id = z.number().int();
const text = z
  .string()
  .nullish()
  .transform((value) => value ?? null);
const number = z
  .number()
  .nullish()
  .transform((value) => value ?? null);
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? null);

/** POST /api/token, 200. */
export const tokenAnswer = z.object({
  access_token: z.string().regex(/^[\x21-\x7e]+$/, 'must be printable ASCII'),
  /** Seconds. */
  expires_in: z.coerce.number().nonnegative().optional(),
  refresh_token: text,
});

/** POST /api/spaces/failedcheckins, 200. */
export const createdAnswer = z.object({ Value: z.object({ Id: id }) });

/** Any answer that says whether it was successful, and errors of the token endpoint. */
export const problemAnswer = z.object({
  WasSuccessful: flag,
  Message: text,
  Errors: z
    .array(z.object({ PropertyName: text, Message: text }))
    .nullish()
    .transform((value) => value ?? []),
  error: text,
  error_description: text,
});

/** A page of a list. */
export function listAnswer<T>(record: z.ZodType<T>) {
  return z.object({ Records: z.array(record), CurrentPage: z.number().int(), HasNextPage: z.boolean() });
}

/** /api/sys/users. In a list, null `Devices` says nothing. An empty text, or null in a full record, means that there are none. */
export const userRecord = z.object({ Id: id, FullName: text, Active: flag, Devices: text, UpdatedOn: text });

/** /api/sys/registereddevices. */
export const registeredDeviceRecord = z.object({ Id: id, UserId: number, Name: text, DeviceId: text, UpdatedOn: text });

/** /api/spaces/coworkers. */
export const coworkerRecord = z.object({
  Id: id,
  UserId: number,
  FullName: text,
  Active: flag,
  Archived: flag,
  UpdatedOn: text,
});

/** /api/spaces/coworkers/{id}: the parts that only the full record has. Teams are ids or records with an Id. */
export const coworkerTeams = z.object({
  Teams: z
    .array(z.union([id, z.object({ Id: id }).transform((team) => team.Id)]))
    .nullish()
    .transform((value) => value ?? []),
});

/** /api/billing/coworkercontracts. */
export const contractRecord = z.object({ Id: id, CoworkerId: number, TariffName: text, Active: flag });

/** /api/spaces/teams. */
export const teamRecord = z.object({ Id: id, Name: text });

/** GET /api/spaces/failedcheckins. */
export const failedCheckinRecord = z.object({ Id: id, CheckinAttemptTime: text, MacAddresses: text });

export type UserRecord = z.infer<typeof userRecord>;
export type RegisteredDeviceRecord = z.infer<typeof registeredDeviceRecord>;
export type CoworkerRecord = z.infer<typeof coworkerRecord>;
export type FailedCheckinRecord = z.infer<typeof failedCheckinRecord>;
