// Starting programs in tests: what it promises to a test that waits for a line or an end.
import { describe, expect, it } from 'vitest';
import { RunningProcess, run } from './run-process.js';

const FOR_EVER = 'while :; do sleep 0.05; done';
const sh = (script: string) => new RunningProcess('sh', ['-c', script]);

describe('a running process', () => {
  it('finds lines printed before and after the wait began, on either stream', async () => {
    const process = sh(`trap 'echo late 42 >&2; exit' USR1; echo early; ${FOR_EVER}`);
    await process.waitForLine(/early/);
    await process.waitForLine(/early/);
    const late = process.waitForLine(/late (\d+)/);
    process.kill('SIGUSR1');
    expect((await late)[1]).toBe('42');
    expect(process.stdout).toEqual(['early']);
    expect(process.stderr).toEqual(['late 42']);
  });

  it('skips the lines a test has dealt with', async () => {
    const process = sh(`trap 'echo up; exit' USR1; echo up; ${FOR_EVER}`);
    await process.waitForLine(/up/);
    const again = process.waitForLine(/up/, { after: process.lines.length });
    process.kill('SIGUSR1');
    await again;
    expect(process.lines).toHaveLength(2);
  });

  it('says what came instead, when the line never comes', async () => {
    await expect(sh('echo something else').waitForLine(/hello/)).rejects.toThrow(/hello[\s\S]*something else/);
    const silent = sh('echo waiting; exec sleep 1000');
    await expect(silent.waitForLine(/hello/, { timeoutMs: 50 })).rejects.toThrow(/hello.*within 50 ms/);
    await silent.stop();
  });

  it('tells the exit code, the signal, and that a program does not exist', async () => {
    expect(await sh('exit 3').exit()).toEqual({ code: 3, signal: null });
    expect(await new RunningProcess('no-such-program').exit()).toMatchObject({ code: 127 });
    expect(await sh('exec sleep 1000').stop()).toEqual({ code: null, signal: 'SIGTERM' });
  });

  it('kills what does not end when asked to', async () => {
    const stubborn = sh(`trap '' TERM; echo ready; ${FOR_EVER}`);
    await stubborn.waitForLine(/ready/);
    expect(await stubborn.stop(100)).toEqual({ code: null, signal: 'SIGKILL' });
  });
});

describe('run', () => {
  it('resolves with standard output, and rejects with everything printed when the program fails', async () => {
    expect(await run('sh', ['-c', 'echo one; echo two; echo noise >&2'])).toBe('one\ntwo');
    await expect(run('sh', ['-c', 'echo sorry >&2; exit 1'])).rejects.toThrow(/exit code 1[\s\S]*sorry/);
  });
});
