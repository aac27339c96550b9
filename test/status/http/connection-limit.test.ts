// The limit on connections by itself, on a server that closes none for being slow.
import { connect, type Socket } from 'node:net';
import { fastify } from 'fastify';
import { expect, test } from 'vitest';
import { limitConnections } from '../../../src/status/http/connection-limit.js';
import { until } from '../../until.js';

test('each connection above the limit closes the one that has waited longest, and no other', async () => {
  const server = fastify({ forceCloseConnections: true });
  limitConnections(server, 20);
  const accepted: Socket[] = [];
  server.server.on('connection', (socket: Socket) => accepted.push(socket));
  const { port } = new URL(await server.listen({ host: '127.0.0.1', port: 0 }));
  const sockets = Array.from({ length: 30 }, () => connect(Number(port), '127.0.0.1').on('error', () => {}));
  try {
    await until('all were accepted', () => accepted.length === 30);
    expect(accepted.map(({ destroyed }) => destroyed)).toEqual(accepted.map((_socket, order) => order < 10));
  } finally {
    for (const socket of sockets) socket.destroy();
    await server.close();
  }
});
