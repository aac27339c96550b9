// What the commands share that run until a signal ends them.
import type { Config } from '../config/config.js';
import { type Logger, textForLog } from '../sensor/log.js';

/** Calls back at the first SIGTERM or SIGINT. */
export function onSignals(log: Logger, stop: () => void): void {
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // A second signal ends at once.
      if (isStopping) process.exit(1);
      isStopping = true;
      log.info({ signal }, 'stopping');
      stop();
    });
  }
}

/** No half-dead state: what nobody expected ends the process, and the supervisor starts it again. */
export function endOnUnexpected(log: Logger, config: Config): void {
  const secrets = secretsIn(config);
  const end = (error: unknown) => {
    // Nobody knows what is in such a text.
    const text = (full: string) =>
      secrets.reduce((rest, secret) => rest.replaceAll(secret, '***'), textForLog(full, config.logMacs));
    log.fatal({ cause: text(error instanceof Error ? error.message : String(error)) }, 'unexpected error');
    // For whoever develops this, not for operators.
    if (error instanceof Error) log.debug({ stack: text(error.stack ?? '') }, 'where it happened');
    process.exit(1);
  };
  process.on('uncaughtException', end);
  process.on('unhandledRejection', end);
}

function secretsIn({ login, redisUrl, statusToken, notify, hub }: Config): string[] {
  const inLogin = login?.kind === 'password' ? [login.password, login.totpSecret] : [login?.accessToken];
  const all = [...inLogin, redisUrl, statusToken, notify?.secret, hub?.token];
  return all.flatMap((secret) => secret || []);
}
