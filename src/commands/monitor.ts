// `wifi-monitor monitor`: runs a sensor until a signal ends it.
import { defaultRoute, listInterfaces } from '../capture/network-interfaces.js';
import { type Config, ConfigError } from '../config/config.js';
import { readConfig } from '../config/read.js';
import { createLogger } from '../sensor/log.js';
import { startSensor } from '../sensor/sensor.js';
import { endOnUnexpected, onSignals } from './running.js';

/**
 * Runs until SIGTERM or SIGINT, and ends within 10 s after it. Returns the exit code.
 * @throws ConfigError; CaptureError when capturing is not permitted
 */
export async function monitor(version: string): Promise<number> {
  const config = readConfig(process.env, { nexudus: true });
  const interfaces = interfacesOf(config);
  const log = await createLogger(config.logLevel);
  endOnUnexpected(log, config);
  const stopping = new AbortController();
  onSignals(log, () => stopping.abort());
  if (process.getuid?.() === 0) {
    log.warn('running as root, which is not needed: any user with CAP_NET_RAW will do (see README, "Permissions")');
  }
  const sensor = await startSensor(config, { version, log, interfaces, stop: stopping.signal });
  const { pipeline } = sensor;
  const { businessId, dryRun } = config;
  log.info({ interfaces, businessId, dryRun, redis: config.redisUrl !== null }, 'monitor started');
  try {
    await sensor.finished;
  } finally {
    await sensor.close();
  }
  const { counts } = pipeline;
  const waiting = pipeline.waiting();
  if (waiting > 0) log.warn({ visits: waiting }, 'visits could not be handed over before the end');
  const malformedBy = Object.fromEntries(counts.malformedBy);
  log.info({ ...counts, malformedBy, givenUp: pipeline.givenUp() }, 'monitor stopped');
  return 0;
}

function interfacesOf(config: Config): readonly string[] {
  if (config.interfaces.length > 0) return config.interfaces;
  const route = defaultRoute();
  if (route !== null) return [route.interfaceName];
  const names = listInterfaces().map(({ name }) => name);
  throw new ConfigError([
    `CAPTURE_INTERFACE: must be set, because there is no default route to tell the interface (there are: ${names.join(', ')})`,
  ]);
}
