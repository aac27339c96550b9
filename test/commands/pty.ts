// A program on a pseudo-terminal, with somebody who types. Python's pty module makes the terminal.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { PATIENCE_MS, until } from '../until.js';

const SPAWN = 'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))';

/** Escape sequences. readline and `setup` write each of them in one piece. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what they are made of
const CONTROL = /\u001b(\[[0-9;?]*[A-Za-z]|[78])/g;

export interface PtyOptions {
  readonly netns?: string;
  readonly cwd: string;
  /** All the environment there is, besides PATH. */
  readonly env?: NodeJS.ProcessEnv;
}

export class Pty {
  /** All that the terminal showed, without what moves the cursor. */
  shown = '';
  private readonly child: ChildProcess;
  private readonly ended: Promise<number | null>;

  constructor(command: readonly string[], { netns, cwd, env = {} }: PtyOptions) {
    const place = netns === undefined ? [] : ['ip', 'netns', 'exec', netns];
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...place, 'python3', '-c', SPAWN, ...command], {
      cwd,
      env: { PATH: process.env.PATH, TERM: 'xterm', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.shown += text.replaceAll(CONTROL, '');
    });
    this.ended = once(this.child, 'close').then(([code]) => code);
  }

  /** Waits for a question that was not there before, then types an answer and Enter. */
  async answer(question: RegExp, text: string): Promise<void> {
    await this.waitFor(question);
    this.shown += '\n--- typed ---\n';
    this.type(`${text}\r`);
  }

  type(text: string): void {
    this.child.stdin?.write(text);
  }

  /** Resolves once what was shown since the latest answer fits. */
  async waitFor(pattern: RegExp): Promise<void> {
    const latest = () => this.shown.split('--- typed ---').at(-1) ?? '';
    try {
      await until(`the terminal shows ${pattern}`, () => pattern.test(latest()), PATIENCE_MS);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${this.shown}`);
    }
  }

  /** The exit code of the program, once it has ended. */
  exit(): Promise<number | null> {
    return this.ended;
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }
}
