// The command: node dist/scripts/nexudus-sandbox/main.js [options]. Prints where it listens and each failed check-in it receives.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { type Sandbox, startSandbox } from './sandbox.js';
import type { FailedCheckin } from './store.js';
import { type Limit, PUBLISHED_LIMITS } from './throttle.js';

const HELP = `A stand-in for the Nexudus API, in memory.

  --port PORT             default 8480, 0 takes a free one        (SANDBOX_PORT)
  --host ADDRESS          default 127.0.0.1                       (SANDBOX_HOST)
  --user NAME:PASSWORD    an administrator; may be repeated       (SANDBOX_USERS, a JSON array of accounts)
                          default admin@example.com:secret
  --seed FILE             JSON: { "accounts": [], "users": [], "coworkers": [], "registeredDevices": [],
                          "contracts": [], "teams": [] }, records with the API's own field names      (SANDBOX_SEED)
  --limits LIMITS         "published", or such as "POST=60/60,120/60": methods, requests, seconds       (SANDBOX_LIMITS)
  --expires-in SECONDS    life of an access token                 (SANDBOX_EXPIRES_IN)
  --hide-devices          lists show "Devices": null              (SANDBOX_HIDE_DEVICES=true)
  --control               opens /sandbox/faults, /sandbox/records and more, see sandbox.ts         (SANDBOX_CONTROL=true)
`;

const account = z.object({
  username: z.string(),
  password: z.string(),
  totpSecret: z.string().optional(),
  roles: z.array(z.string()).optional(),
});
const records = z.array(z.looseObject({ Id: z.number().int().optional() })).default([]);
const seedFile = z.object({
  accounts: z.array(account).default([]),
  users: records,
  coworkers: records,
  registeredDevices: records,
  contracts: records,
  teams: records,
});
type Seed = z.infer<typeof seedFile>;

async function main(): Promise<void> {
  const env = process.env;
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: env.SANDBOX_PORT ?? '8480' },
      host: { type: 'string', default: env.SANDBOX_HOST ?? '127.0.0.1' },
      user: { type: 'string', multiple: true, default: [] },
      seed: { type: 'string', ...(env.SANDBOX_SEED === undefined ? {} : { default: env.SANDBOX_SEED }) },
      limits: { type: 'string', default: env.SANDBOX_LIMITS ?? '' },
      'expires-in': { type: 'string', default: env.SANDBOX_EXPIRES_IN ?? '604799' },
      'hide-devices': { type: 'boolean', default: env.SANDBOX_HIDE_DEVICES === 'true' },
      control: { type: 'boolean', default: env.SANDBOX_CONTROL === 'true' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(HELP);

  const seed = seedFile.parse(values.seed === undefined ? {} : JSON.parse(readFileSync(values.seed, 'utf8')));
  const accounts = [
    ...seed.accounts,
    ...values.user.map((pair) => {
      const [, username = '', password = ''] = /^([^:]*):(.*)$/s.exec(pair) ?? [];
      return { username, password };
    }),
    ...z.array(account).parse(JSON.parse(env.SANDBOX_USERS ?? '[]')),
  ];

  const sandbox = await startSandbox({
    port: Number(values.port),
    host: values.host,
    ...(accounts.length === 0 ? {} : { accounts }),
    expiresIn: Number(values['expires-in']),
    limits: limitsOf(values.limits),
    devicesInLists: !values['hide-devices'],
    control: values.control,
    onFailedCheckin: (failedCheckin) => console.log(lineOf(failedCheckin)),
  });
  sow(sandbox, seed);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void sandbox.close());
  console.log(`Nexudus sandbox listening on ${sandbox.url}`);
}

function sow(sandbox: Sandbox, seed: Seed): void {
  for (const user of seed.users) sandbox.users.add(user as object);
  for (const coworker of seed.coworkers) sandbox.coworkers.add(coworker as object);
  for (const device of seed.registeredDevices) sandbox.registeredDevices.add(device as object);
  for (const contract of seed.contracts) sandbox.contracts.add(contract as object);
  for (const team of seed.teams) sandbox.teams.add(team as object);
}

function limitsOf(text: string): Limit[] {
  if (text === 'published') return PUBLISHED_LIMITS;
  return text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const [, methods, max, seconds] = /^\s*(?:([A-Z+]+)=)?(\d+)\/(\d+(?:\.\d+)?)\s*$/.exec(part) ?? [];
      if (max === undefined)
        throw new Error(`--limits: cannot read ${JSON.stringify(part)}; write such as POST=60/60 or 120/60`);
      return {
        max: Number(max),
        perMs: Number(seconds) * 1000,
        ...(methods === undefined ? {} : { methods: methods.split('+') }),
      };
    });
}

function lineOf({ CreatedOn, CheckinAttemptTime, MacAddresses, Description, Id }: FailedCheckin): string {
  const line = `${CreatedOn}  failed check-in ${Id}  attempt ${CheckinAttemptTime}  ${MacAddresses ?? 'no MAC'}  ${Description ?? ''}`;
  return line.replace(/[\p{Cc}\p{Cf}]/gu, '?');
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
