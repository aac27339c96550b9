// What `wifi-monitor monitor` says as it starts, as an operator reads it.
import { afterEach, expect, test } from 'vitest';
import { freePort } from '../redis-server.js';
import { RunningProcess } from '../run-process.js';

const cli = new URL('../../dist/src/cli.js', import.meta.url).pathname;

let monitor: RunningProcess | undefined;
afterEach(async () => {
  await monitor?.stop();
  monitor = undefined;
});

test.each([
  ['127.0.0.1', 'status server listens'],
  ['0.0.0.0', 'status server listens on all addresses of this machine'],
])('with STATUS_HOST=%s the log says where the status page can be reached', async (host, message) => {
  const port = await freePort();
  monitor = new RunningProcess('node', [cli, 'monitor'], {
    cwd: '/',
    env: {
      CAPTURE_INTERFACE: 'lo',
      DRY_RUN: 'true',
      NEXUDUS_BUSINESS_ID: '77',
      STATUS_HOST: host,
      STATUS_PORT: String(port),
      STATUS_TOKEN: 'a-token-of-this-test',
    },
  });
  const { input } = await monitor.waitForLine(/status server/);
  expect(JSON.parse(input)).toMatchObject({ msg: message, url: `http://${host}:${port}` });
});
