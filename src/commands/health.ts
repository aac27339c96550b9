// `wifi-monitor health`: asks the running monitor for its health. The health check of the container runs it.
import { createRequire } from 'node:module';
import { z } from 'zod';
import { readConfig } from '../config/read.js';

// Not imported: Node 24 would then load its fetch and WebSocket as well, which takes 14 MB and more time than all else here.
const { request }: typeof import('node:http') = createRequire(import.meta.url)('node:http');

const ANSWER_WITHIN_MS = 5_000;

const HEALTH = z.object({
  status: z.enum(['ok', 'degraded']),
  // A sensor with another token returns only the status.
  reasons: z.array(z.string()).default([]),
  working: z.boolean().default(true),
});

/**
 * Prints the status, and a line for each reason. Returns 1 when nobody answers, or when the sensor does not work and only a restart
 * could help. See status/facts/health.ts for why a degraded sensor that works is not restarted.
 * @throws ConfigError
 */
export async function health(): Promise<number> {
  const { statusHost, statusPort, statusToken } = readConfig(process.env, { nexudus: false });
  if (statusPort === 0) throw new Error('STATUS_PORT is 0: the status server is turned off, there is nobody to ask');
  // A server on every address is asked on loopback, which always exists.
  const host = statusHost === '0.0.0.0' ? '127.0.0.1' : statusHost === '::' ? '::1' : statusHost;
  const where = `${host.includes(':') ? `[${host}]` : host}:${statusPort}`;
  const parsed = HEALTH.safeParse(await ask(host, statusPort, statusToken, where));
  if (!parsed.success) throw new Error(`what answers on ${where} is not wifi-monitor (STATUS_HOST, STATUS_PORT)`);
  const { status, reasons, working } = parsed.data;
  process.stdout.write(`${working ? status : 'not working'}\n${reasons.map((reason) => `  ${reason}\n`).join('')}`);
  return working ? 0 : 1;
}

/** Returns the JSON of the answer; undefined when it is none. */
function ask(host: string, port: number, token: string | null, where: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const refuse = (why: string) =>
      reject(new Error(`no monitor answers on ${where} (STATUS_HOST, STATUS_PORT): ${why}`));
    const headers = token === null ? {} : { authorization: `Bearer ${token}` };
    const asking = request({ host, port, path: '/healthz', headers, timeout: ANSWER_WITHIN_MS }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      answer.on('error', (error) => refuse(error.message));
      answer.on('end', () => {
        try {
          resolve(JSON.parse(text));
        } catch {
          resolve(undefined);
        }
      });
    });
    asking.on('timeout', () => asking.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS / 1_000} s`)));
    asking.on('error', (error) => refuse(error.message));
    asking.end();
  });
}
