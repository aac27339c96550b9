// `wifi-monitor health` while somebody holds connections to the status server open: a supervisor must not take that for a dead monitor.
import { connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { TrialSensor } from '../trial-sensor.js';
import { until } from '../until.js';
import { cli } from './cli.js';

/** More than the server has room for. */
const HELD_OPEN = 260;

const sockets: Socket[] = [];
let trial: TrialSensor | undefined;

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await trial?.close();
});

test.each([
  ['say nothing', ''],
  ['begin a request and never end it', 'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n'],
])('260 connections that %s do not make it fail', async (_what, beginning) => {
  trial = await TrialSensor.start();
  const { hostname, port } = new URL(trial.url);
  let opened = 0;
  const open = () => {
    const socket = connect(Number(port), hostname, () => {
      opened++;
      socket.write(beginning);
    });
    // The server closes some of them; whoever does this opens others.
    socket.on('error', () => {});
    sockets.push(socket);
  };
  for (let count = 0; count < HELD_OPEN; count++) open();
  await until('they are open', () => opened === HELD_OPEN);
  for (let round = 0; round < 3; round++) {
    const env = { STATUS_PORT: port };
    expect(await cli(['health'], env)).toEqual({ code: 0, stdout: expect.stringMatching(/^ok/), stderr: '' });
    for (let count = 0; count < HELD_OPEN; count++) open();
    await until('more are open', () => opened === (round + 2) * HELD_OPEN);
  }
});
