// A stand-in for the Nexudus API, built from its documentation, without any code of src/: token, failed check-ins, users, devices,
// coworkers, contracts and teams, in memory, with request limits and faults.
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { type Account, Accounts } from './accounts.js';
import { type Fault, type FaultAction, Faults, faultSchema } from './faults.js';
import { failedCheckinsPage } from './page.js';
import { createTables, type FailedCheckin, filter, page, type Table, type Tables, timeOf, type User } from './store.js';
import { type Limit, Throttle } from './throttle.js';

export type SandboxOptions = {
  /** 0, the default, takes a free one. */
  port?: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** Default: one unrestricted administrator, admin@example.com with the password `secret`. */
  accounts?: Account[];
  /** Seconds an access token lives. Default 604799, a week. */
  expiresIn?: number;
  /** Default: none. See PUBLISHED_LIMITS. */
  limits?: Limit[];
  /** Whether list and batch answers show a user's Devices, or null. Default: yes. */
  devicesInLists?: boolean | ((user: User) => boolean);
  /** Larger pages are cut to this size. Default 1000. */
  maxPageSize?: number;
  /** How far the zone of `from_` and `to_` is behind UTC, which is not documented. Default 0. */
  rangeOffsetMs?: number;
  /**
   * Opens POST and DELETE /sandbox/faults (a Fault), GET /sandbox/failedcheckins, POST /sandbox/records/TABLE (adds a record, or
   * changes the one with that Id) and POST /sandbox/revoke-tokens.
   */
  control?: boolean;
  onFailedCheckin?: (failedCheckin: FailedCheckin) => void;
};

export type LoggedRequest = {
  method: string;
  /** With the query. */
  path: string;
  /** 0 while there is no answer, or when there was none. */
  status: number;
};

export type Sandbox = Omit<Tables, 'failedCheckins'> & {
  /** `http://127.0.0.1:12345`. */
  url: string;
  /** What was committed, oldest first; CreatedOn is when. */
  readonly failedCheckins: FailedCheckin[];
  /** The latest 10,000 requests, oldest first. */
  readonly requests: LoggedRequest[];
  fault(fault: Fault): void;
  clearFaults(): void;
  revokeTokens(options?: { refreshTokens?: boolean }): void;
  /** Added to the sandbox's clock: Date header, UpdatedOn and CreatedOn. */
  clockOffsetMs: number;
  /** Seconds that later access tokens live. */
  expiresIn: number;
  close(): Promise<void>;
};

type AnyTable = Table<{ Id: number; UpdatedOn: string }>;

const ADMINISTRATOR: Account = { username: 'admin@example.com', password: 'secret' };
const A_WEEK = 604_799;
const MAX_LOGGED = 10_000;

/** Starts a sandbox. It forgets everything when closed. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  let clockOffsetMs = 0;
  const now = () => new Date(Date.now() + clockOffsetMs);
  const closing = new AbortController();
  const app = fastify({ forceCloseConnections: true, routerOptions: { ignoreTrailingSlash: true } });
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body));

  const parts: Parts = {
    app,
    options,
    now,
    tables: createTables(now),
    accounts: new Accounts(options.accounts ?? [ADMINISTRATOR], options.expiresIn ?? A_WEEK),
    faults: new Faults(),
    requests: [],
    pause: (ms) => delay(ms, undefined, { signal: closing.signal }).catch(() => {}),
  };
  const { accounts, faults, requests } = parts;
  const { failedCheckins, ...tables } = parts.tables;
  addFaults(parts, logRequests(parts));
  app.setErrorHandler((error, _request, reply) =>
    reply.code(500).send({ Message: 'An error has occurred.', ExceptionMessage: String(error) }),
  );
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send({ Message: 'No HTTP resource was found that matches the request URI.' }),
  );
  addToken(parts);
  addLists(parts);
  addCheckinPost(parts);
  addPage(parts);
  if (options.control === true) addControl(parts);

  await app.listen({ port: options.port ?? 0, host: options.host ?? '127.0.0.1' });
  const { address, port, family } = app.server.address() as AddressInfo;

  return {
    ...tables,
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    get failedCheckins() {
      return failedCheckins.values();
    },
    requests,
    fault: (fault) => faults.add(fault),
    clearFaults: () => faults.clear(),
    revokeTokens: (which) => accounts.revokeAll(which),
    get clockOffsetMs() {
      return clockOffsetMs;
    },
    set clockOffsetMs(milliseconds) {
      clockOffsetMs = milliseconds;
    },
    get expiresIn() {
      return accounts.expiresIn;
    },
    set expiresIn(seconds) {
      accounts.expiresIn = seconds;
    },
    async close() {
      closing.abort();
      await app.close();
    },
  };
}

type LogEntries = WeakMap<FastifyRequest, LoggedRequest>;

interface Parts {
  readonly app: FastifyInstance;
  readonly options: SandboxOptions;
  readonly now: () => Date;
  readonly tables: ReturnType<typeof createTables>;
  readonly accounts: Accounts;
  readonly faults: Faults;
  readonly requests: LoggedRequest[];
  /** Ends early when the sandbox is closed. */
  readonly pause: (ms: number) => Promise<void>;
}

function logRequests({ app, now, requests }: Parts): LogEntries {
  const logged: LogEntries = new WeakMap();
  app.addHook('onRequest', async (request, reply) => {
    const entry = { method: request.method, path: request.url, status: 0 };
    logged.set(request, entry);
    requests.push(entry);
    if (requests.length > MAX_LOGGED) requests.shift();
    reply.header('date', now().toUTCString());
  });
  return logged;
}

/** Adds faults and request limits. The status of a request is logged when it is answered, after delays. */
function addFaults({ app, options, faults, pause }: Parts, logged: LogEntries): void {
  const throttle = new Throttle(options.limits ?? []);
  const actions = new WeakMap<FastifyRequest, FaultAction>();

  app.addHook('onRequest', async (request, reply) => {
    const { pathname } = new URL(request.url, 'http://sandbox');
    const action = faults.take(request.method, pathname);
    if (action?.kind === 'answer' && action.commit !== true) return answerWith(action, reply);
    if (action?.kind === 'refuse-login')
      return reply.code(400).send({ error: 'invalid_grant', error_description: 'Refused.' });
    if (action !== null) actions.set(request, action);
    if (!pathname.startsWith('/api/')) return;
    const waitMs = throttle.waitMs(request.method, Date.now());
    if (waitMs > 0) {
      reply
        .code(409)
        .header('retry-after', String(Math.ceil(waitMs / 1000)))
        .type('text/plain');
      return reply.send('You must wait before accessing this url again.');
    }
  });

  // The body is read by then, so the client has sent the whole request.
  app.addHook('preHandler', async (request, reply) => {
    const action = actions.get(request);
    if (action?.kind !== 'reset' || action.commit === true) return;
    await pause(action.afterMs ?? 0);
    reply.hijack();
    request.raw.socket.resetAndDestroy();
  });

  app.addHook('onSend', async (request, reply, payload) => {
    const action = actions.get(request);
    switch (action?.kind) {
      case 'reset':
        await pause(action.afterMs ?? 0);
        request.raw.socket.resetAndDestroy();
        return payload;
      case 'answer':
        payload = textOf(action.body);
        reply.code(action.status).removeHeader('content-length');
        for (const [name, value] of Object.entries(headersOf(action))) reply.header(name, value);
        break;
      case 'delay-headers':
        await pause(action.ms);
        break;
      case 'delay-body':
        reply.removeHeader('content-length');
        payload = inTwoParts(String(payload), () => pause(action.ms));
        break;
    }
    const entry = logged.get(request);
    if (entry !== undefined) entry.status = reply.statusCode;
    return payload;
  });
}

function roleNeeded({ accounts }: Parts, role: string) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    if (accounts.allows(request.headers.authorization, role)) return;
    return reply.code(401).send({ Message: 'Authorization has been denied for this request.' });
  };
}

function addToken({ app, accounts }: Parts): void {
  app.post('/api/token', (request, reply) => {
    const isForm = (request.headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
    const clientId = request.headers.client_id;
    const answer = accounts.token(
      isForm ? new URLSearchParams(String(request.body)) : null,
      typeof clientId === 'string' ? clientId : null,
    );
    reply.code(answer.status).send(answer.body);
  });
}

function addLists(parts: Parts): void {
  const { tables, options } = parts;
  const { devicesInLists = true } = options;
  const showsDevices = typeof devicesInLists === 'function' ? devicesInLists : () => devicesInLists;
  addList(parts, '/api/sys/users', 'User', tables.users, (user) =>
    showsDevices(user) ? user : { ...user, Devices: null },
  );
  addList(parts, '/api/sys/registereddevices', 'RegisteredDevice', tables.registeredDevices);
  addList(parts, '/api/spaces/coworkers', 'Coworker', tables.coworkers, (coworker) => ({
    ...coworker,
    Businesses: null,
    Teams: null,
  }));
  addList(parts, '/api/billing/coworkercontracts', 'CoworkerContract', tables.contracts);
  addList(parts, '/api/spaces/teams', 'Team', tables.teams);
  addList(parts, '/api/spaces/failedcheckins', 'FailedCheckin', tables.failedCheckins);
}

/** List with filters and paging, batch, and the full record. `summary` is what lists and batches show of a record. */
function addList<R extends { Id: number; UpdatedOn: string }>(
  parts: Parts,
  path: string,
  entity: string,
  table: Table<R>,
  summary = (record: R): object => record,
): void {
  const { app, options } = parts;
  app.get(path, { onRequest: roleNeeded(parts, `${entity}-List`) }, async (request) => {
    const query = new URL(request.url, 'http://sandbox').searchParams;
    const batch = /^\[([\d,\s]*)\]$/.exec(query.get('id') ?? '');
    if (batch !== null) {
      const records = (batch[1] ?? '').split(',').map((id) => table.get(Number(id)));
      return records.filter((record) => record !== undefined).map(summary);
    }
    const answer = page(
      filter(table.values(), entity, query, options.rangeOffsetMs ?? 0),
      query,
      options.maxPageSize ?? 1000,
    );
    return { ...answer, Records: answer.Records.map(summary) };
  });
  app.get(`${path}/:id`, { onRequest: roleNeeded(parts, `${entity}-Read`) }, async (request, reply) => {
    const record = table.get(Number(request.url.split(/[/?]/).at(path.split('/').length)));
    if (record === undefined) return reply.code(404).send({ Message: `${entity} was not found.` });
    return record;
  });
}

function addCheckinPost(parts: Parts): void {
  const { app, options, tables } = parts;
  app.post(
    '/api/spaces/failedcheckins',
    { onRequest: roleNeeded(parts, 'FailedCheckin-Create') },
    async (request, reply) => {
      const fields = objectIn(String(request.body));
      const errors = problemsOf(fields);
      if (errors.length > 0) {
        const Message = errors.map(({ PropertyName, Message }) => `${PropertyName}: ${Message}`).join(', ');
        return reply.code(400).send({ Message, Value: null, Errors: errors, WasSuccessful: false });
      }
      const record = tables.failedCheckins.add(withoutNulls(fields));
      options.onFailedCheckin?.(record);
      return {
        Status: 200,
        Message: 'FailedCheckin was successfully created.',
        Value: { Id: record.Id },
        OpenInDialog: false,
        OpenInWindow: false,
        RedirectURL: null,
        JavaScript: null,
        UpdatedOn: record.UpdatedOn,
        UpdatedBy: null,
        Errors: null,
        WasSuccessful: true,
      };
    },
  );
}

function addPage({ app, tables }: Parts): void {
  app.get('/', (_request, reply) => {
    reply
      .type('text/html; charset=utf-8')
      .header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'");
    reply.send(failedCheckinsPage(tables.failedCheckins.values()));
  });
}

/** Routes with which a test in another process steers the sandbox. */
function addControl({ app, tables: { failedCheckins, ...tables }, accounts, faults }: Parts): void {
  app.get('/sandbox/failedcheckins', (_request, reply) => reply.send(failedCheckins.values()));
  app.post('/sandbox/faults', async (request, reply) => {
    const fault = faultSchema.safeParse(objectIn(String(request.body)));
    if (!fault.success) return reply.code(400).send({ Message: fault.error.message });
    faults.add(fault.data);
    return { added: fault.data };
  });
  app.post<{ Params: { table: string } }>('/sandbox/records/:table', async (request, reply) => {
    const table = Object.entries(tables).find(([name]) => name === request.params.table)?.[1] as AnyTable | undefined;
    if (table === undefined) return reply.code(404).send({ Message: `No table ${request.params.table}.` });
    const fields = objectIn(String(request.body));
    const id = Number(fields.Id);
    return table.get(id) === undefined ? table.add(fields) : table.update(id, fields);
  });
  app.post('/sandbox/revoke-tokens', (request, reply) => {
    accounts.revokeAll({ refreshTokens: objectIn(String(request.body)).refreshTokens === true });
    reply.send({});
  });
  app.delete('/sandbox/faults', (_request, reply) => {
    faults.clear();
    reply.send({});
  });
}

function answerWith(action: Extract<FaultAction, { kind: 'answer' }>, reply: FastifyReply): FastifyReply {
  return reply.code(action.status).headers(headersOf(action)).send(textOf(action.body));
}

function headersOf({ body, headers = {} }: Extract<FaultAction, { kind: 'answer' }>): Record<string, string> {
  if (typeof body !== 'string') return { 'content-type': 'application/json; charset=utf-8', ...headers };
  return {
    'content-type': body.trimStart().startsWith('<') ? 'text/html; charset=utf-8' : 'text/plain; charset=utf-8',
    ...headers,
  };
}

function textOf(body: unknown): string {
  return typeof body === 'string' ? body : body === undefined ? '' : JSON.stringify(body);
}

function inTwoParts(text: string, between: () => Promise<void>): Readable {
  async function* parts() {
    const half = Math.ceil(text.length / 2);
    yield text.slice(0, half);
    await between();
    yield text.slice(half);
  }
  return Readable.from(parts(), { objectMode: false });
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

/** The fields of POST /api/spaces/failedcheckins: name, type, whether required. */
const FIELDS = [
  ['BusinessId', 'number', true],
  ['CheckinAttemptTime', 'time', true],
  ['CoworkerId', 'number', false],
  ['MacAddresses', 'string', false],
  ['TeamsAtTheTimeOfCheckin', 'string', false],
  ['TariffAtTheTimeOfCheckin', 'string', false],
  ['Description', 'string', false],
  ['CheckinAttemptTimeLocal', 'time', false],
  ['Source', 'source', false],
] as const;

type Problem = { AttemptedValue: unknown; Message: string; PropertyName: string };

function problemsOf(fields: Record<string, unknown>): Problem[] {
  return FIELDS.flatMap(([PropertyName, type, required]): Problem[] => {
    const value = fields[PropertyName] ?? null;
    if (value === null) return required ? [{ AttemptedValue: null, Message: 'is a required field', PropertyName }] : [];
    return isOf(type, value) ? [] : [{ AttemptedValue: value, Message: 'is not valid', PropertyName }];
  });
}

function isOf(type: (typeof FIELDS)[number][1], value: unknown): boolean {
  switch (type) {
    case 'number':
      return Number.isInteger(value) && Number(value) > 0;
    case 'source':
      return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 5;
    case 'time':
      return typeof value === 'string' && /^\d{4}-\d\d-\d\dT/.test(value) && !Number.isNaN(timeOf(value));
    case 'string':
      return typeof value === 'string';
  }
}

function withoutNulls(fields: Record<string, unknown>): Partial<FailedCheckin> {
  return Object.fromEntries(FIELDS.flatMap(([name]) => (fields[name] == null ? [] : [[name, fields[name]]])));
}
