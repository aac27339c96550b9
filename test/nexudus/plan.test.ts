import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Sandbox, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { createNexudusClient, type NexudusClient } from '../../src/nexudus/client.js';
import { readPlan } from '../../src/nexudus/plan.js';

let sandbox: Sandbox;
let client: NexudusClient;
beforeEach(async () => {
  sandbox = await startSandbox();
  const auth = { kind: 'password', username: 'admin@example.com', password: 'secret', totpSecret: null } as const;
  client = createNexudusClient({ url: sandbox.url, auth });
});
afterEach(async () => {
  await client.close();
  await sandbox.close();
});

test('the plan is that of the active contract, the teams are told by name', async () => {
  const teams = ['Rowers', 'Cooks', 'Others'].map((Name) => sandbox.teams.add({ Name }));
  const coworker = sandbox.coworkers.add({ Teams: teams.slice(0, 2).map(({ Id }) => Id) });
  sandbox.contracts.add({ CoworkerId: coworker.Id, TariffName: 'Former plan', Active: false });
  sandbox.contracts.add({ CoworkerId: coworker.Id, TariffName: 'Hot desk' });
  sandbox.contracts.add({ CoworkerId: coworker.Id + 1, TariffName: 'Of another' });
  expect(await readPlan(client, coworker.Id)).toEqual({ tariff: 'Hot desk', teams: ['Rowers', 'Cooks'] });
});

test('a coworker whose contracts have ended still had a plan', async () => {
  const coworker = sandbox.coworkers.add();
  sandbox.contracts.add({ CoworkerId: coworker.Id, TariffName: 'Former plan', Active: false });
  expect(await readPlan(client, coworker.Id)).toEqual({ tariff: 'Former plan', teams: [] });
});

test('a contact has neither plan nor team', async () => {
  const coworker = sandbox.coworkers.add();
  expect(await readPlan(client, coworker.Id)).toEqual({ tariff: null, teams: [] });
});

test('contracts of others are not taken, even when Nexudus ignores the filter', async () => {
  const coworker = sandbox.coworkers.add();
  const body = {
    Records: [{ Id: 1, CoworkerId: coworker.Id + 1, TariffName: 'Of another' }],
    CurrentPage: 1,
    HasNextPage: false,
  };
  sandbox.fault({ path: '/api/billing/coworkercontracts', action: { kind: 'answer', status: 200, body } });
  expect(await readPlan(client, coworker.Id)).toEqual({ tariff: null, teams: [] });
});

test('teams may come as records instead of Ids', async () => {
  const team = sandbox.teams.add({ Name: 'Rowers' });
  const coworker = sandbox.coworkers.add();
  const body = { Id: coworker.Id, Teams: [{ Id: team.Id }] };
  sandbox.fault({ path: '/api/spaces/coworkers/*', action: { kind: 'answer', status: 200, body } });
  expect(await readPlan(client, coworker.Id)).toEqual({ tariff: null, teams: ['Rowers'] });
});
