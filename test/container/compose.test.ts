// The container's files against the published schema, and against src/config.ts: a variable that is not known there does nothing.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { DCLinter } from 'dclint';
import { validate } from 'dockerfile-utils';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { readConfig } from '../../src/config/read.js';
import { SECRETS, VARIABLES } from '../../src/config/schema.js';
import { withRedis } from '../../src/sensor/redis-connection.js';
import { freePort } from '../redis-server.js';
import { RunningProcess, run } from '../run-process.js';
import { until } from '../until.js';

const docker = new URL('../../docker/', import.meta.url).pathname;
const COMPOSE_FILES = ['compose.yaml', 'compose.demo.yaml', 'compose.hub.yaml', 'compose.sensor.yaml'];

const service = z.looseObject({
  image: z.string(),
  build: z
    .object({ args: z.record(z.string(), z.string()), target: z.string() })
    .loose()
    .optional(),
  network_mode: z.string().optional(),
  user: z.string().optional(),
  cap_drop: z.array(z.string()).default([]),
  cap_add: z.array(z.string()).default([]),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.string()).default({}),
  secrets: z.array(z.string()).default([]),
});
const healthcheck = z.looseObject({ test: z.array(z.string()) });
const composeFile = z.looseObject({ services: z.record(z.string(), service) });

function read(name: string): string {
  return readFileSync(join(docker, name), 'utf8');
}

function servicesOf(name: string): Record<string, z.infer<typeof service>> {
  // Aliases are resolved and `<<` merged, as Compose does.
  return composeFile.parse(parse(read(name), { merge: true })).services;
}

/** What the Compose specification's schema, and the linter's rules against real mistakes, have against a file. */
function problemsOf(path: string): string[] {
  // Rules of taste, and those against images that are built on the spot, are off.
  const off = [
    'no-build-and-image',
    'require-quotes-in-ports',
    'service-image-require-explicit-tag',
    'service-keys-order',
    'services-alphabetical-order',
  ];
  const linter = new DCLinter({
    rules: Object.fromEntries(off.map((rule) => [rule, 0])),
    quiet: false,
    debug: false,
    exclude: [],
  });
  // dclint's own types do not resolve for ES modules.
  const results: readonly { messages: readonly { line: number; rule: string; message: string }[] }[] = linter.lintFiles(
    [path],
    false,
  );
  return results.flatMap(({ messages }) => messages.map(({ line, rule, message }) => `${line}: ${rule}: ${message}`));
}

const known = new Set<string>([...VARIABLES.map(({ name }) => name), ...SECRETS.map((name) => `${name}_FILE`)]);

test.each(COMPOSE_FILES)('%s is what the Compose specification allows', (name) => {
  expect(problemsOf(join(docker, name))).toEqual([]);
});

test('a Compose file with a misspelt key is refused', () => {
  const directory = mkdtempSync(join(tmpdir(), 'nwm-compose-'));
  try {
    const path = join(directory, 'compose.yaml');
    writeFileSync(path, read('compose.yaml').replace('read_only:', 'readonly:'));
    expect(problemsOf(path).join()).toContain('/services/monitor');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.each(COMPOSE_FILES)(
  'every variable that %s sets is a setting, and no secret of an operator stands in it',
  (name) => {
    const services = Object.values(servicesOf(name)).filter(({ image }) => image === 'nexudus-wifi-monitor');
    expect(services).toHaveLength(1);
    for (const { environment } of services) {
      expect(Object.keys(environment).filter((variable) => !known.has(variable))).toEqual([]);
    }
    if (name !== 'compose.demo.yaml') {
      for (const secret of SECRETS) expect(services[0]?.environment).not.toHaveProperty(secret);
    }
  },
);

test('the monitor in compose.yaml has the host network and one capability, and each secret it names is mounted', () => {
  const { monitor } = servicesOf('compose.yaml');
  expect(monitor).toMatchObject({
    network_mode: 'host',
    cap_drop: ['ALL'],
    cap_add: ['NET_RAW'],
    read_only: true,
    restart: 'unless-stopped',
    logging: { options: { 'max-size': '10m', 'max-file': '3' } },
  });
  const files = Object.entries(monitor?.environment ?? {}).filter(([variable]) => variable.endsWith('_FILE'));
  expect(files.map(([, path]) => path)).toEqual(monitor?.secrets.map((secret) => `/run/secrets/${secret}`));
  // Whoever turns it into root for no-new-privileges finds the lines there.
  expect(read('compose.yaml')).toContain('user: "0:0"');
});

test('Redis in compose.yaml keeps an append-only file, evicts nothing, and listens on loopback alone', () => {
  const { redis } = servicesOf('compose.yaml');
  const command = redis?.command.join(' ');
  expect(command).toContain('redis-server - --bind 127.0.0.1 --');
  expect(command).toContain('--appendonly yes');
  expect(command).toContain('--maxmemory-policy noeviction');
  // What is gone from memory goes from the file soon, not with the 64 MB that are usual. No snapshot keeps it either.
  expect(command).toContain("--auto-aof-rewrite-min-size 64kb --auto-aof-rewrite-percentage 100 --save ''");
  expect(redis).toMatchObject({ network_mode: 'host', volumes: ['redis-data:/data'], cap_drop: ['ALL'] });
  expect(redis).toHaveProperty('healthcheck');
});

/** Starts Redis with the command of a compose file, on a free port of loopback and with this as the secret. */
function composedRedis(directory: string, url: string, port: number, file = 'compose.yaml'): RunningProcess {
  const secret = join(directory, 'redis_url');
  writeFileSync(secret, `${url}\n`);
  const [shell = '', ...rest] = servicesOf(file).redis?.command ?? [];
  const here = rest.map((argument) =>
    argument
      .replaceAll('$$', '$')
      .replaceAll('/run/secrets/redis_url', secret)
      .replaceAll('6379', `${port}`)
      .replace('redis-server - --port', 'redis-server - --bind 127.0.0.1 --port'),
  );
  return new RunningProcess(shell, here, { cwd: directory });
}

test.each([
  ['compose.yaml', '127.0.0.1'],
  ['compose.hub.yaml', 'redis'],
])(
  'Redis in %s asks for the password in the secret, which REDIS_URL_FILE has; no argument shows it',
  async (file, host) => {
    const directory = mkdtempSync(join(tmpdir(), 'nwm-compose-'));
    const port = await freePort();
    const redis = composedRedis(directory, `redis://:0123456789abcdef@${host}:${port}/0`, port, file);
    try {
      const { redisUrl } = readConfig({ REDIS_URL_FILE: join(directory, 'redis_url') }, { nexudus: false });
      const url = (redisUrl ?? '').replace(`@${host}:`, '@127.0.0.1:');
      const pong = () => withRedis(url, (connection) => connection.ping());
      await until('Redis answers', () =>
        pong().then(
          (answer) => answer === 'PONG',
          () => false,
        ),
      );
      await expect(withRedis(`redis://127.0.0.1:${port}`, (connection) => connection.ping())).rejects.toThrow(
        /it wants a password/,
      );
      expect(await run('ps', ['-eo', 'args'])).not.toContain('0123456789abcdef');
      // The health check asks with the same password.
      const [, check = ''] = healthcheck.parse(servicesOf(file).redis?.healthcheck).test;
      const asked = check
        .replaceAll('$$', '$')
        .replaceAll('/run/secrets/redis_url', join(directory, 'redis_url'))
        .replace('redis-cli', `redis-cli -p ${port}`);
      expect(await run('sh', ['-c', asked])).toContain('PONG');
    } finally {
      await redis.stop();
      rmSync(directory, { recursive: true });
    }
  },
);

test.each([
  'redis://127.0.0.1:PORT/0',
  'redis://:@127.0.0.1:PORT/0',
  'redis://:a b@127.0.0.1:PORT/0',
  'redis://:pass@10.0.0.1:PORT/0',
])("compose.yaml's Redis does not start with the secret %s", async (text) => {
  const directory = mkdtempSync(join(tmpdir(), 'nwm-compose-'));
  const port = await freePort();
  const redis = composedRedis(directory, text.replace('PORT', `${port}`), port);
  try {
    await redis.waitForLine(/secrets\/redis_url must be redis:\/\/:PASSWORD@127\.0\.0\.1/);
    expect((await redis.exit()).code).toBe(1);
  } finally {
    await redis.stop();
    rmSync(directory, { recursive: true });
  }
});

test('docker/.env.example, filled in and with every line switched on, is a valid configuration together with compose.yaml', () => {
  const switchedOn = read('.env.example').replaceAll(/^# ([A-Z_]+=)/gm, '$1');
  const settings = {
    ...parseEnv(switchedOn),
    NEXUDUS_USERNAME: 'monitor@example.com',
    NEXUDUS_BUSINESS_ID: '77',
  };
  expect(Object.keys(settings).filter((name) => !known.has(name))).toEqual([]);
  const { monitor } = servicesOf('compose.yaml');
  const twice = Object.keys(monitor?.environment ?? {}).filter((name) => name in settings);
  expect(twice).toEqual([]);

  const directory = mkdtempSync(join(tmpdir(), 'nwm-compose-'));
  try {
    const password = join(directory, 'nexudus_password');
    writeFileSync(password, 'the password\n');
    const redisUrl = join(directory, 'redis_url');
    writeFileSync(redisUrl, 'redis://:0123456789abcdef@127.0.0.1:6379/0\n');
    const secrets = { NEXUDUS_PASSWORD_FILE: password, REDIS_URL_FILE: redisUrl };
    const environment = { ...settings, ...monitor?.environment, ...secrets };
    const config = readConfig(environment, { nexudus: true });
    expect(config.login).toMatchObject({ kind: 'password', password: 'the password' });
    expect(config.redisUrl).toBe('redis://:0123456789abcdef@127.0.0.1:6379/0');
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('the Dockerfile has no problem that the linter knows, and takes nothing but NODE_IMAGE from outside', () => {
  const text = read('Dockerfile');
  expect(validate(text).map(({ range, message }) => `${range.start.line + 1}: ${message}`)).toEqual([]);
  const stages: string[] = [];
  for (const [, base, stage] of text.matchAll(/^FROM (\S+) AS (\S+)$/gm)) {
    expect(['$' + '{NODE_IMAGE}', 'scratch', ...stages]).toContain(base);
    stages.push(stage ?? '');
  }
  expect(stages.at(-1)).toBe('monitor');
  expect(text.match(/^FROM /gm)).toHaveLength(stages.length);
});

test.each(COMPOSE_FILES)('what %s builds are stages and arguments of the Dockerfile', (name) => {
  const text = read('Dockerfile');
  for (const { build } of Object.values(servicesOf(name))) {
    if (build === undefined) continue;
    expect(text).toMatch(new RegExp(`^FROM \\S+ AS ${build.target}$`, 'm'));
    for (const [argument, value] of Object.entries(build.args)) {
      const initial = new RegExp(`^ARG ${argument}=(\\S+)$`, 'm').exec(text)?.[1];
      expect(value).toBe(`$\{${argument}:-${initial}}`);
    }
  }
});

test('the sensor of a chain has no login, and its settings are valid; the hub has a login and no capability', () => {
  const { monitor } = servicesOf('compose.sensor.yaml');
  expect(monitor).toMatchObject({ network_mode: 'host', cap_drop: ['ALL'], cap_add: ['NET_RAW'], read_only: true });
  const directory = mkdtempSync(join(tmpdir(), 'nwm-compose-'));
  try {
    const secret = (name: string, text: string) => {
      writeFileSync(join(directory, name), `${text}\n`);
      return join(directory, name);
    };
    const here = (environment: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(environment).map(([name, value]) => [name, value.replace('/run/secrets', directory)]),
      );
    secret('hub_token', 'a'.repeat(43));
    secret('redis_url', 'redis://:0123456789abcdef@127.0.0.1:6379/0');
    const sensor = readConfig(
      { ...here(monitor?.environment ?? {}), HUB_URL: 'https://hub.example.com' },
      { nexudus: true },
    );
    expect(sensor).toMatchObject({ login: null, hub: { token: 'a'.repeat(43) }, businessId: null });

    const { hub, redis } = servicesOf('compose.hub.yaml');
    expect(hub).toMatchObject({ command: ['hub'], cap_drop: ['ALL'], cap_add: [], read_only: true });
    expect(hub?.network_mode).toBeUndefined();
    expect(redis?.command.join(' ')).toContain('--appendfsync always');
    expect(redis).toMatchObject({ networks: ['store'], cap_drop: ['ALL'] });
    for (const name of ['nexudus_password', 'hub_cert', 'hub_key']) secret(name, 'x');
    secret('status_token', '0123456789abcdef');
    const config = readConfig(
      { ...here(hub?.environment ?? {}), NEXUDUS_USERNAME: 'admin@example.com' },
      { nexudus: false, hub: true },
    );
    expect(config).toMatchObject({ hubHost: '0.0.0.0', hubTls: { certFile: join(directory, 'hub_cert') } });
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test.each(['compose.yaml', 'compose.hub.yaml', 'compose.sensor.yaml'])(
  'what docker inspect shows of the containers of %s holds no secret: each comes as a file',
  (name) => {
    const { secrets = {} } = parse(read(name)) as { secrets?: Record<string, Record<string, string>> };
    expect(Object.keys(secrets).length).toBeGreaterThan(0);
    // Not from a variable either: Compose would read it from the environment of whoever starts it.
    for (const secret of Object.values(secrets)) expect(Object.keys(secret)).toEqual(['file']);
    const services = Object.values(servicesOf(name));
    for (const { environment, command } of services) {
      for (const [variable, value] of Object.entries(environment))
        if (/PASSWORD|SECRET|TOKEN|_KEY/.test(variable)) expect(value, variable).toMatch(/^\/run\/secrets\/|^true$/);
      // Nor does an argument: `$$` is for the shell inside.
      expect(command.join(' ').replaceAll('$$', '')).not.toMatch(/\$\{?\w*(PASSWORD|SECRET|TOKEN)/);
    }
  },
);

test('docker/.env.example, whose lines docker inspect shows, asks for the user name, and for no other secret', () => {
  const asked = Object.keys(parseEnv(read('.env.example')));
  expect(asked.filter((name) => (SECRETS as readonly string[]).includes(name))).toEqual(['NEXUDUS_USERNAME']);
});

test('no core dump holds what is in memory: in the containers, in the image without compose, and under systemd', () => {
  for (const name of ['compose.yaml', 'compose.hub.yaml', 'compose.sensor.yaml']) {
    const services = Object.values(servicesOf(name)).filter((one) => 'restart' in one);
    expect(services.length).toBeGreaterThan(0);
    for (const service of services) expect(service, name).toMatchObject({ ulimits: { core: 0 } });
  }
  expect(read('wifi-monitor.service')).toMatch(/^LimitCORE=0$/m);
  expect(read('wifi-monitor.c')).toMatch(/setrlimit\(RLIMIT_CORE/);
});
