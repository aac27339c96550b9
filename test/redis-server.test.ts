// The Redis of the tests: later tests rely on what it keeps and what it forgets.
import { afterEach, describe, expect, it } from 'vitest';
import { type RedisServer, startRedis } from './redis-server.js';
import { run } from './run-process.js';

let redis: RedisServer | undefined;

afterEach(async () => {
  await redis?.stop();
});

describe('a test Redis', () => {
  it('answers on its own port and its own socket', async () => {
    redis = await startRedis();
    await redis.cli('SET', 'here', 'yes');
    expect(await run('redis-cli', ['-u', redis.url, 'GET', 'here'])).toBe('yes');
  });

  it('comes back empty by default, on the same port', async () => {
    redis = await startRedis();
    await redis.cli('SET', 'kept', 'no');
    await redis.restart();
    expect(await run('redis-cli', ['-u', redis.url, 'EXISTS', 'kept'])).toBe('0');
  });

  it('keeps what it is told to keep, through a kill too', async () => {
    redis = await startRedis({ args: ['--appendonly', 'yes', '--appendfsync', 'always'] });
    await redis.cli('SET', 'kept', 'yes');
    expect((await redis.kill())?.signal).toBe('SIGKILL');
    await redis.start();
    expect(await redis.cli('GET', 'kept')).toBe('yes');
  });

  it('answers nothing while it is paused', async () => {
    redis = await startRedis();
    redis.pause();
    let answer = '';
    const waiting = redis.cli('PING').then((text) => {
      answer = text;
    });
    // Time for an answer that must not come.
    await run('sleep', ['0.2']);
    expect(answer).toBe('');
    redis.resume();
    await waiting;
    expect(answer).toBe('PONG');
  });

  it('says what is wrong when it cannot start', async () => {
    await expect(startRedis({ args: ['--no-such-setting', 'x'] })).rejects.toThrow(/no-such-setting/);
  });

  it('leaves no process and no file behind', async () => {
    const stopped = await startRedis();
    await stopped.stop();
    await expect(run('redis-cli', ['-u', stopped.url, 'PING'])).rejects.toThrow(/refused/);
    await expect(run('ls', [stopped.socketPath])).rejects.toThrow(/No such file/);
  });
});
