// Limits the connections of the status server, so that nobody can shut others out by holding connections open.
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * When there are more than `most` connections, the one that has waited longest for a whole request is closed. Connections whose
 * request is being answered, such as event streams, go on.
 */
export function limitConnections(server: FastifyInstance, most: number): void {
  const open = new Set<Socket>();
  /** Connections without a whole request, the one that has waited longest first. */
  const waiting = new Set<Socket>();
  const forget = (socket: Socket) => {
    open.delete(socket);
    waiting.delete(socket);
  };
  server.server.on('connection', (socket: Socket) => {
    open.add(socket);
    waiting.add(socket);
    socket.once('close', () => forget(socket));
    if (open.size <= most) return;
    // The new connection is in `waiting` too.
    const [oldest = socket] = waiting;
    forget(oldest);
    oldest.destroy();
  });
  // The body is read by then.
  server.addHook('preHandler', async ({ raw }) => {
    waiting.delete(raw.socket);
  });
  server.addHook('onResponse', async ({ raw }) => {
    if (!open.has(raw.socket)) return;
    waiting.delete(raw.socket);
    waiting.add(raw.socket);
  });
}
