// `scripts/demo --page`: a whole sensor plays the recorded morning, and its page can be opened.
import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { freePort } from '../redis-server.js';
import { RunningProcess } from '../run-process.js';
import { until } from '../until.js';

const top = new URL('../..', import.meta.url).pathname;

function play(port: number): RunningProcess {
  return new RunningProcess('node', [`${top}dist/scripts/morning/main.js`], {
    cwd: top,
    env: { STATUS_PORT: `${port}` },
  });
}

test('devices come, strangers among them are reported, and Ctrl-C ends it', async () => {
  const playing = play(await freePort());
  try {
    const [, url = ''] = await playing.waitForLine(/^The status page: (http:\/\/127\.0\.0\.1:\d+)/);
    await playing.waitForLine(/^Ctrl-C ends it/);
    expect((await fetch(url)).status).toBe(200);
    await until('somebody is recognised, and a stranger is in Nexudus', async () => {
      const { devices } = (await (await fetch(`${url}/api/devices`)).json()) as {
        devices: { decision: string; report: { state: string }; hostname: string | null }[];
      };
      const isKnown = devices.some(
        ({ decision, hostname }) => decision === 'recognised' && hostname === 'Annas-MacBook-Pro',
      );
      return isKnown && devices.some(({ report, hostname }) => report.state === 'posted' && hostname === 'Galaxy-S23');
    });
    playing.kill('SIGINT');
    expect(await playing.exit()).toEqual({ code: 0, signal: null });
    expect(playing.stdout.join('\n')).toMatch(/\d+ failed check-ins arrived/);
  } finally {
    await playing.stop();
  }
});

test('when its port is not free it says so', async () => {
  const port = await freePort();
  const server = createServer().listen(port, '127.0.0.1');
  try {
    const playing = play(port);
    expect((await playing.exit()).code).toBe(1);
    expect(playing.stderr).toEqual([`port ${port} of 127.0.0.1 is not free: set STATUS_PORT to another one`]);
  } finally {
    server.close();
  }
});
