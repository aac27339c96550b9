// Runs the built command as a person would, and gives what it printed and its exit code.
import { RunningProcess } from '../run-process.js';

const top = new URL('../..', import.meta.url).pathname;

export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** `env` is all the environment there is, besides PATH: no setting of the machine reaches the command. */
export async function cli(args: readonly string[], env: Record<string, string> = {}, cwd = '/'): Promise<Ran> {
  const bare = Object.fromEntries(Object.keys(process.env).map((name) => [name, undefined]));
  const running = new RunningProcess('node', [`${top}dist/src/cli.js`, ...args], {
    cwd,
    env: { ...bare, PATH: process.env.PATH, ...env },
  });
  const { code } = await running.exit();
  return { stdout: running.stdout.join('\n'), stderr: running.stderr.join('\n'), code };
}
