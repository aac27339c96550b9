// Serves the status of a running sensor: the page, its API, health and metrics.
import { apiRoutes } from './api.js';
import { healthRoutes } from './health-routes.js';
import { type Metrics, metricsRoutes } from './metrics.js';
import { Overview } from './overview.js';
import { pageRoutes } from './page.js';
import { factsAbout, type Sensor } from './sensor-status.js';
import { type StatusServer, startStatusServer } from './server.js';

/** Rejects when the address cannot be listened on. */
export async function serveStatus(
  sensor: Sensor,
  metrics: Metrics,
  where: { readonly host: string; readonly port: number; readonly token: string | null },
): Promise<StatusServer> {
  const overview = new Overview(sensor);
  return await startStatusServer({
    ...where,
    routes: [
      healthRoutes(() => overview.health()),
      metricsRoutes(metrics, () => factsAbout(sensor), sensor.monitor.counts),
      apiRoutes(overview, { timeZone: sensor.timeZone, dryRun: sensor.isDryRun }),
      pageRoutes,
    ],
  });
}
