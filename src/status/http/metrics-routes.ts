// GET /metrics for Prometheus.
import type { FrameCounts } from '../../pipeline/frame-counts.js';
import type { HealthFacts } from '../facts/health.js';
import type { Metrics } from '../facts/metrics.js';
import type { StatusRoutes } from './server.js';

export function metricsRoutes(
  metrics: Metrics,
  facts: () => Promise<HealthFacts>,
  counts: Readonly<FrameCounts>,
): StatusRoutes {
  return (server) => {
    server.get('/metrics', async (_request, reply) => {
      reply.type(metrics.contentType);
      return await metrics.text(await facts(), counts);
    });
  };
}
