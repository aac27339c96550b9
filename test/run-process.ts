// Real programs in tests: start one, read its lines as they come, wait for the one that matters, end it. Whatever a test
// leaves running, the kernel kills with the test's own process (PR_SET_PDEATHSIG), however that ended.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { PATIENCE_MS } from './until.js';

// A vitest worker outlives a vitest that is killed; without this it, and all it has started, would go on for ever.
process.once('disconnect', () => process.exit(1));

export interface ProcessOptions {
  /** Name of the network namespace (`ip netns`) to run in; default: the one the tests run in. */
  netns?: string;
  cwd?: string;
  /** Added to the environment of the tests; undefined takes a variable away. */
  env?: NodeJS.ProcessEnv;
}

export interface Exit {
  /** Null when a signal ended the process; 127 when the program does not exist. */
  code: number | null;
  signal: NodeJS.Signals | null;
}

export interface WaitOptions {
  /** Number of lines already dealt with: `process.lines.length` before the act whose line is awaited. Default 0. */
  after?: number;
  /** Default `PATIENCE_MS`. */
  timeoutMs?: number;
}

export class RunningProcess {
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  /** Both streams, line by line, in the order of arrival. */
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #command: string;
  readonly #exit: Promise<Exit>;
  readonly #wakers = new Set<() => void>();
  #ended: Exit | undefined;

  constructor(command: string, args: readonly string[] = [], options: ProcessOptions = {}) {
    const namespaced = options.netns === undefined ? [] : ['ip', 'netns', 'exec', options.netns];
    this.#command = [command, ...args].join(' ');
    // setpriv and ip replace themselves by what they run: one pid from here to the program.
    this.#child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...namespaced, command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    this.#collect(this.#child.stdout, this.stdout);
    this.#collect(this.#child.stderr, this.stderr);
    this.#exit = once(this.#child, 'close')
      .then(([code, signal]): Exit => ({ code, signal }))
      .catch((error: Error): Exit => {
        this.lines.push(error.message);
        return { code: 127, signal: null };
      })
      .then((exit) => {
        this.#ended = exit;
        this.#wake();
        return exit;
      });
  }

  get pid(): number {
    return this.#child.pid ?? -1;
  }

  get isRunning(): boolean {
    return this.#ended === undefined;
  }

  /** Resolves once the process has ended and all its output has been read. Never rejects for what the process did. */
  exit(): Promise<Exit> {
    return this.#exit;
  }

  /** Sends a signal and returns at once; harmless when the process is gone. */
  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGTERM, and SIGKILL when that does not end it within `graceMs`. */
  async stop(graceMs = PATIENCE_MS): Promise<Exit> {
    const last = setTimeout(() => this.kill('SIGKILL'), graceMs);
    this.kill('SIGTERM');
    const exit = await this.#exit;
    clearTimeout(last);
    return exit;
  }

  /**
   * Resolves with the match of the first line, printed or yet to come, that fits. Rejects with the output so far when
   * the process ends without it or the time is over.
   */
  async waitForLine(
    pattern: RegExp,
    { after = 0, timeoutMs = PATIENCE_MS }: WaitOptions = {},
  ): Promise<RegExpExecArray> {
    let overdue = false;
    const timer = setTimeout(() => {
      overdue = true;
      this.#wake();
    }, timeoutMs);
    try {
      for (let next = after; ; ) {
        for (; next < this.lines.length; next++) {
          const match = pattern.exec(this.lines[next] ?? '');
          if (match !== null) return match;
        }
        if (overdue) throw this.#failure(`printed no line like ${pattern} within ${timeoutMs} ms`);
        if (this.#ended !== undefined) throw this.#failure(`ended without a line like ${pattern}`);
        await new Promise<void>((resolve) => this.#wakers.add(resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #failure(what: string): Error {
    return new Error([`${this.#command}: ${what}. Its last lines:`, ...this.lines.slice(-30)].join('\n'));
  }

  #collect(stream: Readable | null, into: string[]): void {
    if (stream === null) return;
    createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
      into.push(line);
      this.lines.push(line);
      this.#wake();
    });
  }

  #wake(): void {
    for (const wake of this.#wakers) wake();
    this.#wakers.clear();
  }
}

/** Runs a program to its end and resolves with its standard output; rejects with its output when it fails. */
export async function run(
  command: string,
  args: readonly string[] = [],
  options: ProcessOptions = {},
): Promise<string> {
  const process = new RunningProcess(command, args, options);
  const { code, signal } = await process.exit();
  if (code === 0) return process.stdout.join('\n');
  throw new Error(
    [`${[command, ...args].join(' ')} failed (${signal ?? `exit code ${code}`}):`, ...process.lines].join('\n'),
  );
}
