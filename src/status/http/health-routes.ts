// GET /healthz: 200 while all is well, 503 when somebody should look. A request that is not authorised gets only the status.
import type { Health } from '../facts/health.js';
import type { StatusRoutes } from './server.js';

export function healthRoutes(health: () => Promise<Health>): StatusRoutes {
  return (server, access) => {
    server.get('/healthz', { config: { open: true } }, async (request, reply) => {
      const current = await health();
      reply.code(current.status === 'ok' ? 200 : 503);
      return access.isAuthorised(request) ? current : { status: current.status };
    });
  };
}
