// The plan and the teams of a coworker, for the reports of REPORT_INACTIVE.
import type { NexudusClient } from './client.js';
import { readPages } from './pages.js';
import { contractRecord, coworkerTeams, teamRecord } from './schemas.js';

export interface Plan {
  /** The plan's name; null when there is none. */
  readonly tariff: string | null;
  /** The names of the teams. */
  readonly teams: readonly string[];
}

/** Needs the roles CoworkerContract-List, Coworker-Read and Team-List. */
export async function readPlan(client: NexudusClient, coworkerId: number, signal?: AbortSignal): Promise<Plan> {
  return { tariff: await readTariff(client, coworkerId, signal), teams: await readTeams(client, coworkerId, signal) };
}

async function readTariff(
  client: NexudusClient,
  coworkerId: number,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const query = { CoworkerContract_Coworker: coworkerId };
  const options = { role: 'CoworkerContract-List', query, signal };
  let ended: string | null = null;
  for await (const contracts of readPages(client, '/api/billing/coworkercontracts', contractRecord, options)) {
    for (const contract of contracts) {
      if (contract.CoworkerId !== coworkerId || contract.TariffName === null) continue;
      if (contract.Active !== false) return contract.TariffName;
      ended = contract.TariffName;
    }
  }
  return ended;
}

async function readTeams(
  client: NexudusClient,
  coworkerId: number,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const { Teams } = await client.get(`/api/spaces/coworkers/${coworkerId}`, coworkerTeams, {
    role: 'Coworker-Read',
    signal,
  });
  const missing = new Set(Teams);
  const names: string[] = [];
  if (missing.size === 0) return names;
  for await (const teams of readPages(client, '/api/spaces/teams', teamRecord, { role: 'Team-List', signal })) {
    for (const { Id, Name } of teams) if (missing.delete(Id) && Name !== null) names.push(Name);
    if (missing.size === 0) break;
  }
  return names;
}
