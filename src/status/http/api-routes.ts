// The JSON API: what the status page shows and does, for scripts as well. README.md in src/status documents it.
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import type { Overview } from '../facts/overview.js';
import { LiveFeed } from './live-feed.js';
import type { StatusRoutes } from './server.js';

const RETRY = z.strictObject({ id: z.string().min(1).max(200).nullable() });

export function apiRoutes(overview: Overview, about: { timeZone: string | null; dryRun: boolean }): StatusRoutes {
  const feed = new LiveFeed(overview);
  return (server, access) => {
    server.get('/api/health', () => overview.health());

    server.get('/api/devices', async (_request, reply) => {
      await overview.refresh();
      const batches: string[] = [];
      for await (const batch of overview.devices()) {
        if (batch.length > 0) batches.push(JSON.stringify(batch).slice(1, -1));
      }
      reply.type('application/json; charset=utf-8');
      return `{"open":${overview.openVisits},"devices":[${batches.join(',')}]}`;
    });

    server.get('/api/outbox', async (_request, reply) => (await overview.outbox()) ?? noOutbox(reply));

    server.post('/api/outbox/retry', async (request, reply) => {
      const body = RETRY.safeParse(request.body);
      if (!body.success) {
        return reply.code(400).send({ error: 'send {"id": "..."}, or {"id": null} for every refused entry' });
      }
      const { id } = body.data;
      const retried = await overview.retry(id);
      if (retried === null) return noOutbox(reply);
      if (retried === 0 && id !== null) return reply.code(404).send({ error: 'no refused entry has this id' });
      return { retried };
    });

    server.get('/api/events', { exposeHeadRoute: false }, (request, reply) => {
      const hello = { ...about, session: access.hasSession(request) };
      const stream = feed.open(hello, () => access.isAuthorised(request));
      if (stream === null) {
        return reply.code(503).send({ error: 'too many status pages are open: close one and try again' });
      }
      // Buffering proxies would hold the events back.
      reply.type('text/event-stream').header('x-accel-buffering', 'no');
      return reply.send(stream);
    });
  };
}

function noOutbox(reply: FastifyReply): FastifyReply {
  return reply.code(503).send({ error: 'the outbox does not answer (Redis)' });
}
