// The sandbox against the API facts, spoken to with plain fetch: it must not behave as our client believes.
import { afterEach, describe, expect, test } from 'vitest';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../scripts/nexudus-sandbox/sandbox.js';
import { PUBLISHED_LIMITS, Throttle } from '../../scripts/nexudus-sandbox/throttle.js';
import { totpCode, totpStep } from '../../src/nexudus/totp.js';
import { totpSecret } from '../../src/nexudus/totp-secret.js';

let sandbox: Sandbox;
afterEach(() => sandbox.close());

async function start(options: SandboxOptions = {}): Promise<void> {
  sandbox = await startSandbox(options);
}

const LOGIN = { grant_type: 'password', username: 'admin@example.com', password: 'secret' };

async function token(form: Record<string, string>, headers: Record<string, string> = {}) {
  const response = await fetch(`${sandbox.url}/api/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
    headers,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

async function bearer(): Promise<Record<string, string>> {
  return { authorization: `Bearer ${(await token(LOGIN)).body.access_token}` };
}

async function get(path: string, headers?: Record<string, string>) {
  const response = await fetch(sandbox.url + path, { headers: headers ?? (await bearer()) });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: () => JSON.parse(text) };
}

async function post(body: unknown, headers?: Record<string, string>) {
  const response = await fetch(`${sandbox.url}/api/spaces/failedcheckins`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...(headers ?? (await bearer())) },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const CHECKIN = {
  BusinessId: 77,
  CheckinAttemptTime: '2025-01-15T10:30:00Z',
  Source: 3,
  MacAddresses: 'AA:BB:CC:DD:EE:FF',
};

describe('POST /api/token', () => {
  test('answers a form-encoded password grant with an access and a refresh token', async () => {
    await start();
    const { status, body } = await token(LOGIN);
    expect(status).toBe(200);
    expect(body).toEqual({
      access_token: expect.any(String),
      token_type: 'bearer',
      expires_in: 604_799,
      refresh_token: expect.any(String),
    });
  });

  test('answers a JSON body with unsupported_grant_type', async () => {
    await start();
    const response = await fetch(`${sandbox.url}/api/token`, {
      method: 'POST',
      body: JSON.stringify(LOGIN),
      headers: { 'content-type': 'application/json' },
    });
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ error: 'unsupported_grant_type' });
  });

  test('answers a wrong password with 400 invalid_grant', async () => {
    await start();
    const { status, body } = await token({ ...LOGIN, password: 'guess' });
    expect(status).toBe(400);
    expect(body.error).toBe('invalid_grant');
  });

  test('wants the current one-time code from an account with two factors', async () => {
    const secret = 'JBSWY3DPEHPK3PXP';
    await start({ accounts: [{ username: 'admin@example.com', password: 'secret', totpSecret: secret }] });
    expect((await token(LOGIN)).status).toBe(400);
    expect((await token({ ...LOGIN, totp: '000000' })).status).toBe(400);
    const totp = totpCode(totpSecret(secret), totpStep(Date.now()));
    expect((await token({ ...LOGIN, totp })).status).toBe(200);
  });

  test('keeps one refresh token alive for each client id', async () => {
    await start();
    const refresh = (from: { body: Record<string, unknown> }, headers = {}) =>
      token({ grant_type: 'refresh_token', refresh_token: String(from.body.refresh_token) }, headers);
    const one = await token(LOGIN, { client_id: 'sensor-1' });
    const other = await token(LOGIN, { client_id: 'sensor-2' });
    const oneAgain = await token(LOGIN, { client_id: 'sensor-1' });
    expect((await refresh(one, { client_id: 'sensor-1' })).status).toBe(400);
    expect((await refresh(other, { client_id: 'sensor-1' })).status).toBe(400);
    expect((await refresh(other, { client_id: 'sensor-2' })).status).toBe(200);
    expect((await refresh(other, { client_id: 'sensor-2' })).status).toBe(400);
    expect((await refresh(oneAgain, { client_id: 'sensor-1' })).status).toBe(200);
  });

  test('takes the e-mail for the client id when none is sent', async () => {
    await start();
    const { body } = await token(LOGIN);
    const form = { grant_type: 'refresh_token', refresh_token: String(body.refresh_token) };
    expect((await token(form, { client_id: 'admin@example.com' })).status).toBe(200);
  });
});

describe('authentication', () => {
  test('answers every call without a valid token with 401', async () => {
    await start();
    expect((await get('/api/sys/users', {})).status).toBe(401);
    expect((await get('/api/sys/users', { authorization: 'Bearer nonsense' })).status).toBe(401);
    expect((await post(CHECKIN, {})).status).toBe(401);
    expect(sandbox.failedCheckins).toEqual([]);
  });

  test('answers an expired or revoked token with 401', async () => {
    await start({ expiresIn: 0 });
    expect((await get('/api/sys/users')).status).toBe(401);
    sandbox.expiresIn = 60;
    const headers = await bearer();
    expect((await get('/api/sys/users', headers)).status).toBe(200);
    sandbox.revokeTokens();
    expect((await get('/api/sys/users', headers)).status).toBe(401);
  });

  test('takes Basic authentication too', async () => {
    await start({ accounts: [{ username: 'admin@example.com', password: 'se:cret é' }] });
    const authorization = `Basic ${Buffer.from('admin@example.com:se:cret é').toString('base64')}`;
    expect((await get('/api/sys/users', { authorization })).status).toBe(200);
  });

  test('answers a missing role with 401', async () => {
    await start({ accounts: [{ username: 'admin@example.com', password: 'secret', roles: ['User-List'] }] });
    expect((await get('/api/sys/users')).status).toBe(200);
    expect((await get('/api/sys/users/1')).status).toBe(401);
    expect((await post(CHECKIN)).status).toBe(401);
  });
});

describe('POST /api/spaces/failedcheckins', () => {
  test('commits a record and answers its Id in the documented shape', async () => {
    await start();
    const { status, body } = await post(CHECKIN);
    expect(status).toBe(200);
    expect(body).toMatchObject({ Status: 200, Value: { Id: expect.any(Number) }, Errors: null, WasSuccessful: true });
    expect(sandbox.failedCheckins).toEqual([
      {
        ...CHECKIN,
        Id: (body.Value as { Id: number }).Id,
        CreatedOn: expect.any(String),
        UpdatedOn: expect.any(String),
        CoworkerId: null,
        CheckinAttemptTimeLocal: null,
        Description: null,
        TariffAtTheTimeOfCheckin: null,
        TeamsAtTheTimeOfCheckin: null,
      },
    ]);
  });

  test('makes two records when posted twice: there is no idempotency key', async () => {
    await start();
    await post(CHECKIN);
    await post(CHECKIN);
    expect(sandbox.failedCheckins).toHaveLength(2);
  });

  test('answers a missing required field with 400 in the documented shape', async () => {
    await start();
    const { status, body } = await post({ BusinessId: 77 });
    expect(status).toBe(400);
    expect(body).toEqual({
      Message: 'CheckinAttemptTime: is a required field',
      Value: null,
      Errors: [{ AttemptedValue: null, Message: 'is a required field', PropertyName: 'CheckinAttemptTime' }],
      WasSuccessful: false,
    });
  });

  test.each([
    { ...CHECKIN, BusinessId: '77' },
    { ...CHECKIN, CheckinAttemptTime: 'yesterday' },
    { ...CHECKIN, Source: 9 },
    { ...CHECKIN, MacAddresses: ['AA:BB:CC:DD:EE:FF'] },
  ])('refuses a field of the wrong type: %j', async (body) => {
    await start();
    expect((await post(body)).status).toBe(400);
    expect(sandbox.failedCheckins).toEqual([]);
  });

  test('finds them again by business, MAC and the minutes around the attempt', async () => {
    await start();
    await post(CHECKIN);
    await post({ ...CHECKIN, CheckinAttemptTime: '2025-01-15T10:31:01Z' });
    await post({ ...CHECKIN, BusinessId: 78 });
    await post({ ...CHECKIN, MacAddresses: 'AA:BB:CC:DD:EE:00' });
    const found = async (query: string) => (await get(`/api/spaces/failedcheckins?${query}`)).json().TotalItems;
    expect(await found('FailedCheckin_Business=78')).toBe(1);
    expect(await found('FailedCheckin_MacAddresses=aa:bb:cc:dd:ee:00')).toBe(1);
    const range = (from: string, to: string) =>
      found(
        `FailedCheckin_Business=77&from_FailedCheckin_CheckinAttemptTime=${from}&to_FailedCheckin_CheckinAttemptTime=${to}`,
      );
    expect(await range('2025-01-15T10:30', '2025-01-15T10:31')).toBe(2);
    expect(await range('2025-01-15T10:31', '2025-01-15T10:32')).toBe(1);
    expect(await range('2025-01-15T10:00', '2025-01-15T10:29')).toBe(0);
  });
});

describe('lists', () => {
  test('come in the documented envelope, page by page', async () => {
    await start();
    for (let i = 0; i < 45; i++) sandbox.users.add();
    const first = (await get('/api/sys/users')).json();
    expect(first).toMatchObject({
      CurrentPage: 1,
      CurrentPageSize: 25,
      TotalItems: 45,
      TotalPages: 2,
      HasNextPage: true,
    });
    expect(first.Records).toHaveLength(25);
    const second = (await get('/api/sys/users/?page=2&size=25')).json();
    expect(second).toMatchObject({ CurrentPage: 2, HasNextPage: false });
    expect(second.Records).toHaveLength(20);
    expect(new Set([...first.Records, ...second.Records].map((user: { Id: number }) => user.Id)).size).toBe(45);
  });

  test('are summaries: Devices can be null although the full record has a value', async () => {
    await start({ devicesInLists: (user) => user.Id % 2 === 0 });
    for (const Id of [1, 2]) sandbox.users.add({ Id, Devices: 'aa:bb:cc:dd:ee:ff' });
    const devices = (users: Array<{ Devices: string | null }>) => users.map((user) => user.Devices);
    expect(devices((await get('/api/sys/users')).json().Records)).toEqual([null, 'aa:bb:cc:dd:ee:ff']);
    expect(devices((await get('/api/sys/users/?id=[1,2,3]')).json())).toEqual([null, 'aa:bb:cc:dd:ee:ff']);
    expect((await get('/api/sys/users/1')).json().Devices).toBe('aa:bb:cc:dd:ee:ff');
    expect((await get('/api/sys/users/3')).status).toBe(404);
  });

  test('can be asked for what was updated since a minute', async () => {
    await start();
    const [first, second] = [
      sandbox.users.add({ UpdatedOn: '2025-01-15T10:00:00Z' }),
      sandbox.users.add({ UpdatedOn: '2025-01-15T10:00:00Z' }),
    ];
    sandbox.users.update(second.Id, { FullName: 'Anna', UpdatedOn: '2025-01-15T10:30:30Z' });
    const ids = async (query: string) =>
      (await get(`/api/sys/users?${query}`)).json().Records.map((user: { Id: number }) => user.Id);
    expect(await ids('from_User_UpdatedOn=2025-01-15T10:30')).toEqual([second.Id]);
    expect(await ids('to_User_UpdatedOn=2025-01-15T10:30')).toEqual([first.Id]);
  });

  test('carry coworkers by user, contracts, teams and registered devices', async () => {
    await start();
    const user = sandbox.users.add();
    const team = sandbox.teams.add({ Name: 'Rowers' });
    const coworker = sandbox.coworkers.add({ UserId: user.Id, Teams: [team.Id] });
    sandbox.coworkers.add();
    sandbox.contracts.add({ CoworkerId: coworker.Id, TariffName: 'Hot desk' });
    sandbox.registeredDevices.add({ UserId: user.Id, DeviceId: 'AA-BB-CC-DD-EE-FF' });
    const records = async (path: string) => (await get(path)).json().Records;
    expect(await records(`/api/spaces/coworkers?Coworker_User=${user.Id}`)).toMatchObject([
      { Id: coworker.Id, Teams: null },
    ]);
    expect((await get(`/api/spaces/coworkers/${coworker.Id}`)).json().Teams).toEqual([team.Id]);
    expect(await records(`/api/billing/coworkercontracts?CoworkerContract_Coworker=${coworker.Id}`)).toMatchObject([
      { TariffName: 'Hot desk' },
    ]);
    expect(await records('/api/spaces/teams')).toMatchObject([{ Name: 'Rowers' }]);
    expect(await records('/api/sys/registereddevices')).toMatchObject([
      { UserId: user.Id, DeviceId: 'AA-BB-CC-DD-EE-FF' },
    ]);
  });

  test('hold 50,000 users', async () => {
    await start();
    for (let i = 0; i < 50_000; i++) sandbox.users.add({ Devices: 'aa:bb:cc:dd:ee:ff' });
    const last = (await get('/api/sys/users?page=250&size=200&orderBy=Id')).json();
    expect(last).toMatchObject({ TotalItems: 50_000, HasNextPage: false });
    expect(last.Records).toHaveLength(200);
  });
});

describe('throttling', () => {
  test('answers 409 with Retry-After and plain text over the limit, and 200 below it', async () => {
    await start({ limits: [{ max: 2, perMs: 3_600_000 }] });
    const headers = await bearer();
    expect((await get('/api/sys/users', headers)).status).toBe(200);
    const throttled = await get('/api/sys/users', headers);
    expect(throttled.status).toBe(409);
    expect(Number(throttled.headers.get('retry-after'))).toBeGreaterThan(60);
    expect(throttled.text).toBe('You must wait before accessing this url again.');
  });

  test('knows the published limits, writes apart from reads', async () => {
    await start();
    const throttle = new Throttle(PUBLISHED_LIMITS);
    let now = 0;
    const granted = { POST: 0, GET: 0 };
    for (; now < 60_000; now += 100) {
      if (throttle.waitMs('POST', now) === 0) granted.POST++;
      else if (throttle.waitMs('GET', now) === 0) granted.GET++;
    }
    expect(granted).toEqual({ POST: 60, GET: 60 });
    expect(throttle.waitMs('GET', now)).toBe(0);
    expect(throttle.waitMs('GET', now)).toBe(100);
  });
});

describe('the page', () => {
  test('shows failed check-ins as text, never as markup', async () => {
    await start();
    await post({ ...CHECKIN, Description: '<script>alert("1")</script> & more' });
    const { text, headers } = await get('/', {});
    expect(headers.get('content-type')).toContain('text/html');
    expect(text).toContain('AA:BB:CC:DD:EE:FF');
    expect(text).not.toContain('<script');
    expect(text).toContain('&#60;script&#62;');
  });
});

describe('faults', () => {
  test('are closed to the outside unless control is on', async () => {
    await start();
    expect((await fetch(`${sandbox.url}/sandbox/faults`, { method: 'POST', body: '{}' })).status).toBe(404);
  });

  test('can be ordered over HTTP with control on, so many times for one path', async () => {
    await start({ control: true });
    const fault = {
      method: 'GET',
      path: '/api/sys/users',
      count: 2,
      action: { kind: 'answer', status: 503, body: '<html>Maintenance</html>' },
    };
    const order = (body: unknown) =>
      fetch(`${sandbox.url}/sandbox/faults`, { method: 'POST', body: JSON.stringify(body) });
    expect((await order({ action: { kind: 'nonsense' } })).status).toBe(400);
    expect((await order(fault)).status).toBe(200);
    const statuses = [];
    for (const path of ['/api/sys/users', '/api/spaces/teams', '/api/sys/users', '/api/sys/users'])
      statuses.push((await get(path)).status);
    expect(statuses).toEqual([503, 200, 503, 200]);
    await order({ ...fault, count: 100 });
    await fetch(`${sandbox.url}/sandbox/faults`, { method: 'DELETE' });
    expect((await get('/api/sys/users')).status).toBe(200);
  });

  test('come with control over records and tokens', async () => {
    await start({ control: true });
    const send = async (path: string, body: unknown) =>
      (await fetch(`${sandbox.url}/sandbox/${path}`, { method: 'POST', body: JSON.stringify(body) })).status;
    expect(await send('records/users', { Id: 5, FullName: 'Anna' })).toBe(200);
    expect(await send('records/users', { Id: 5, Devices: 'aa:bb:cc:dd:ee:ff' })).toBe(200);
    expect(sandbox.users.values()).toMatchObject([{ Id: 5, FullName: 'Anna', Devices: 'aa:bb:cc:dd:ee:ff' }]);
    expect(await send('records/constructor', {})).toBe(404);
    const headers = await bearer();
    expect(await send('revoke-tokens', {})).toBe(200);
    expect((await get('/api/sys/users', headers)).status).toBe(401);
  });

  test('break the connection before or after committing', async () => {
    await start();
    const headers = await bearer();
    sandbox.fault({ method: 'POST', action: { kind: 'reset' } });
    await expect(post(CHECKIN, headers)).rejects.toThrow();
    expect(sandbox.failedCheckins).toHaveLength(0);
    sandbox.fault({ method: 'POST', action: { kind: 'reset', commit: true } });
    await expect(post(CHECKIN, headers)).rejects.toThrow();
    expect(sandbox.failedCheckins).toHaveLength(1);
    expect(sandbox.requests.map(({ status }) => status)).toEqual([200, 0, 0]);
  });

  test('can answer anything, before or after committing', async () => {
    await start();
    const headers = await bearer();
    const broken = { kind: 'answer', status: 500, body: { Message: 'An error has occurred.' } } as const;
    sandbox.fault({ method: 'POST', action: broken });
    expect(await post(CHECKIN, headers)).toEqual({ status: 500, body: broken.body });
    expect(sandbox.failedCheckins).toHaveLength(0);
    sandbox.fault({ method: 'POST', action: { ...broken, commit: true } });
    expect(await post(CHECKIN, headers)).toEqual({ status: 500, body: broken.body });
    expect(sandbox.failedCheckins).toHaveLength(1);
  });

  test('set the clock that the Date header and UpdatedOn come from', async () => {
    await start();
    sandbox.clockOffsetMs = 3_600_000;
    const { headers } = await get('/api/sys/users');
    expect(Date.parse(headers.get('date') ?? '') - Date.now()).toBeGreaterThan(1_800_000);
    expect(Date.parse(sandbox.users.add().UpdatedOn) - Date.now()).toBeGreaterThan(1_800_000);
  });
});
