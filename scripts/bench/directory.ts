// The cost of reading the registered devices from Nexudus, by the number of users: requests, time, memory.
import { run } from '../../test/run-process.js';
import { type Sandbox, startSandbox } from '../nexudus-sandbox/sandbox.js';
import { macOfDevice } from './inputs.js';
import { heading, megabytes, note, seconds, table } from './report.js';
import type { SyncResult } from './sync-directory.js';

const syncDirectory = new URL('./sync-directory.js', import.meta.url).pathname;

/** Long before the snapshot, because users that changed just now would be read again. */
const UpdatedOn = '2026-01-15T10:00:00Z';

/** Users who each wrote one device into their profile, and are coworkers. */
export function seedOf(users: number): { users: object[]; coworkers: object[] } {
  const numbers = Array.from({ length: users }, (_, index) => index + 1);
  return {
    users: numbers.map((Id) => ({
      Id,
      FullName: `Coworker ${Id}`,
      Active: true,
      // Beyond the devices that the live part lets speak.
      Devices: macOfDevice(1_000_000 + Id)
        .toString(16)
        .padStart(12, '0'),
      UpdatedOn,
    })),
    coworkers: numbers.map((Id) => ({
      Id,
      UserId: Id,
      FullName: `Coworker ${Id}`,
      Active: true,
      Archived: false,
      UpdatedOn,
    })),
  };
}

async function sandboxWith(users: number): Promise<Sandbox> {
  const sandbox = await startSandbox();
  const seed = seedOf(users);
  for (const user of seed.users) sandbox.users.add(user);
  for (const coworker of seed.coworkers) sandbox.coworkers.add(coworker);
  return sandbox;
}

export async function directoryCosts(): Promise<void> {
  heading('Reading the directory from the sandbox (unpaced), in a process of its own');
  const rows: string[][] = [];
  for (const users of [100, 10_000, 50_000]) {
    const sandbox = await sandboxWith(users);
    const { devices, ms, residentMb, peakMb } = JSON.parse(
      await run('node', [syncDirectory, sandbox.url]),
    ) as SyncResult;
    rows.push([
      `${users}`,
      `${devices}`,
      `${sandbox.requests.length}`,
      seconds(ms),
      megabytes(residentMb),
      megabytes(peakMb),
    ]);
    await sandbox.close();
  }
  table(['users', 'devices', 'requests', 'time', 'resident after', 'peak'], rows);
  note(
    'the monitor makes one request a second, to stay within the limits of the API: 50,000 users take it some 9 minutes',
  );
}
