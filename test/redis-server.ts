// A real Redis of a test's own: no file of the machine's, no port of anybody else's, nothing kept.
import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Exit, RunningProcess, run } from './run-process.js';
import { until } from './until.js';

export interface RedisOptions {
  /** Network namespace to listen in (on its loopback); default: the one the tests run in. */
  netns?: string;
  /** Default: a free one. Inside a namespace 6379. */
  port?: number;
  /** Further settings, such as `['--appendonly', 'yes']`. Without them nothing survives a restart. */
  args?: readonly string[];
}

export class RedisServer {
  readonly port: number;
  readonly url: string;
  /** A unix socket, which (unlike the port) can be reached from every network namespace: `new Redis(server.socketPath)`. */
  readonly socketPath: string;
  /** Where its files are. */
  readonly directory: string;
  readonly #options: RedisOptions;
  #process: RunningProcess | undefined;

  constructor(port: number, directory: string, options: RedisOptions) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.socketPath = join(directory, 'redis.sock');
    this.directory = directory;
    this.#options = options;
  }

  /** Starts the server and resolves once it answers. */
  async start(): Promise<void> {
    const place = ['--bind', '127.0.0.1', '--port', `${this.port}`, '--unixsocket', this.socketPath];
    const quiet = ['--dir', this.directory, '--save', '', '--appendonly', 'no'];
    const server = new RunningProcess('redis-server', [...place, ...quiet, ...(this.#options.args ?? [])], this.#where);
    this.#process = server;
    // Not every sign of life will do: a server that still loads its data answers LOADING.
    await until('Redis answers PING', async () => {
      if (!server.isRunning) throw new Error(`redis-server ended:\n${server.lines.join('\n')}`);
      return (await this.cli('PING').catch(() => '')) === 'PONG';
    });
  }

  /** Ends the server in good order (it writes what it is set to keep) and removes its files. */
  async stop(): Promise<void> {
    this.resume();
    await this.#process?.stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  /** Ends the server in good order and starts it again on the same port with the same files. */
  async restart(): Promise<void> {
    await this.#process?.stop();
    await this.start();
  }

  /** Ends the server without any farewell, as a power cut would; `start` brings it back. */
  async kill(): Promise<Exit | undefined> {
    this.#process?.kill('SIGKILL');
    return await this.#process?.exit();
  }

  /** Stops (SIGSTOP) the server in its tracks: connections stay open, nothing is answered. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Runs one command with redis-cli and resolves with what it prints. */
  async cli(...command: string[]): Promise<string> {
    return (await run('redis-cli', ['-s', this.socketPath, ...command])).trim();
  }

  get #where(): { netns?: string } {
    return this.#options.netns === undefined ? {} : { netns: this.#options.netns };
  }
}

/** Starts a Redis server and resolves once it answers. `stop()` it when the test is over. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const port = options.port ?? (options.netns === undefined ? await freePort() : 6379);
  const server = new RedisServer(port, await mkdtemp(join(tmpdir(), 'nwm-redis-')), options);
  try {
    await server.start();
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/**
 * A TCP port of loopback that is free, and that nobody else gets by chance: the kernel gives ports from 32768 on to whoever
 * asks for any, such as connections and servers of tests that run at the same time.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 32_768);
    if (await isFree(port)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
