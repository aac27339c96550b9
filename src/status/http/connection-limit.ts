// Bounds the connections of the status server. Whoever only holds connections open cannot shut others out.
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * When there are more than `most`, the connection that has waited longest for a whole request is closed: it is silent, or sends
 * its request so slowly. What is being answered, event streams too, goes on.
 */
export function limitConnections(server: FastifyInstance, most: number): void {
  const open = new Set<Socket>();
  /** Those without a whole request, the one that has waited longest first. */
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
    // The new one is among them.
    const [oldest = socket] = waiting;
    forget(oldest);
    oldest.destroy();
  });
  // The body has been read by then.
  server.addHook('preHandler', async ({ raw }) => {
    waiting.delete(raw.socket);
  });
  server.addHook('onResponse', async ({ raw }) => {
    if (!open.has(raw.socket)) return;
    waiting.delete(raw.socket);
    waiting.add(raw.socket);
  });
}
