// Serves the status of a running hub: the page with a line for each sensor, its API, health and metrics.
import { healthOf } from '../facts/health.js';
import { type HubFacts, locationJson } from '../facts/hub-facts.js';
import type { HubMetrics } from '../facts/hub-metrics.js';
import { healthRoutes } from './health-routes.js';
import { pageRoutes } from './page-routes.js';
import { type StatusRoutes, type StatusServer, startStatusServer } from './server.js';

/** Rejects when the address cannot be listened on. */
export async function serveHubStatus(
  hub: HubFacts,
  metrics: HubMetrics,
  where: { readonly host: string; readonly port: number; readonly token: string | null },
): Promise<StatusServer> {
  const health = async () => healthOf(await hub.health(await hub.locations()));
  return await startStatusServer({
    ...where,
    routes: [healthRoutes(health), apiRoutes(hub), metricsRoutes(hub, metrics), pageRoutes('hub.html')],
  });
}

function apiRoutes(hub: HubFacts): StatusRoutes {
  return (server) => {
    server.get('/api/locations', async (_request, reply) => {
      const views = await hub.locations();
      if (views === null) return reply.code(503).send({ error: 'Redis does not answer' });
      const nowMs = Date.now();
      return { health: healthOf(await hub.health(views)), locations: views.map((view) => locationJson(view, nowMs)) };
    });
  };
}

function metricsRoutes(hub: HubFacts, metrics: HubMetrics): StatusRoutes {
  return (server) => {
    server.get('/metrics', async (_request, reply) => {
      const views = await hub.locations();
      reply.type(metrics.contentType);
      return await metrics.text(views ?? [], await hub.health(views), Date.now());
    });
  };
}
