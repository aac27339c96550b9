// `wifi-monitor hub`: runs a hub until a signal ends it.
import { readConfig } from '../config/read.js';
import { startHub } from '../sensor/hub.js';
import { createLogger } from '../sensor/log.js';
import { endOnUnexpected, onSignals } from './running.js';

/** Runs until SIGTERM or SIGINT, and ends within 10 s of it. Returns the exit code. @throws ConfigError */
export async function hub(version: string): Promise<number> {
  const config = readConfig(process.env, { nexudus: false, hub: true });
  const log = await createLogger(config.logLevel);
  endOnUnexpected(log, config);
  const stopped = new Promise<void>((resolve) => onSignals(log, resolve));
  const running = await startHub(config, { version, log });
  log.info('hub started');
  await stopped;
  await running.close();
  log.info('hub stopped');
  return 0;
}
