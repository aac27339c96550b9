// Serves the status of a running sensor: the page, its API, health and metrics.

import type { Metrics } from '../facts/metrics.js';
import { Overview } from '../facts/overview.js';
import { factsAbout, type SensorFacts } from '../facts/sensor-facts.js';
import { apiRoutes } from './api-routes.js';
import { healthRoutes } from './health-routes.js';
import { metricsRoutes } from './metrics-routes.js';
import { pageRoutes } from './page-routes.js';
import { type StatusServer, startStatusServer } from './server.js';

/** Rejects when the server cannot listen on the address. */
export async function serveStatus(
  sensor: SensorFacts,
  metrics: Metrics,
  where: { readonly host: string; readonly port: number; readonly token: string | null },
): Promise<StatusServer> {
  const overview = new Overview(sensor);
  return await startStatusServer({
    ...where,
    routes: [
      healthRoutes(() => overview.health()),
      metricsRoutes(metrics, () => factsAbout(sensor), sensor.pipeline.counts),
      apiRoutes(overview, {
        timeZone: sensor.timeZone,
        dryRun: sensor.isDryRun,
        directoryRefreshSeconds: sensor.sync === null ? null : sensor.directoryRefreshMs / 1_000,
      }),
      pageRoutes('page.html'),
    ],
  });
}
