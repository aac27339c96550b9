// `wifi-monitor export MAC`: all that is kept about one device outside Nexudus, for whoever asks what is known of it.
import { formatMac, type MacAddress } from '../addresses/mac-address.js';
import { ConfigError } from '../config/config.js';
import { readConfig } from '../config/read.js';
import { countWords } from '../presenters/count-words.js';
import { type Trace, tracesOf } from '../redis/traces.js';
import { askMonitors } from '../sensor/monitor-channel.js';
import { withRedis } from '../sensor/redis-connection.js';
import { inWords, kindOfKey } from './kept.js';

/** Prints what Redis holds, and what the running monitors hold in memory. Returns 0. @throws ConfigError */
export async function exportDevice(mac: MacAddress, { json }: { readonly json: boolean }): Promise<number> {
  const { redisUrl } = readConfig(process.env, { nexudus: false });
  if (redisUrl === null)
    throw new ConfigError(['REDIS_URL: must be set: without Redis the status page shows all there is']);
  return withRedis(redisUrl, async (redis) => {
    const { answers } = await askMonitors(redis, 'recall', mac);
    const traces = await tracesOf(redis, mac);
    const memory = answers.filter(isSomething);
    if (json) {
      const kept = traces.map((trace) => ({ what: kindOfKey(trace.key), ...trace, inWords: inWords(trace) }));
      process.stdout.write(`${JSON.stringify({ type: 'export', mac: formatMac(mac), kept, memory })}\n`);
      return 0;
    }
    process.stdout.write(inSentences(mac, traces, memory));
    return 0;
  });
}

function isSomething(answer: unknown): boolean {
  const { visit = null, mentions = 0 } = (answer ?? {}) as { visit?: unknown; mentions?: unknown };
  return visit !== null || mentions !== 0;
}

function inSentences(mac: MacAddress, traces: readonly Trace[], memory: readonly unknown[]): string {
  const lines = [`All that is kept about the device with the address ${formatMac(mac)}, outside Nexudus:`, ''];
  let latest = '';
  for (const trace of traces) {
    if (trace.key !== latest) {
      latest = trace.key;
      lines.push(`${kindOfKey(trace.key)[0]?.toUpperCase()}${kindOfKey(trace.key).slice(1)}${lifeInWords(trace)}`);
    }
    lines.push(`  ${inWords(trace)}`);
  }
  if (traces.length === 0) lines.push('Redis holds nothing about it.');
  for (const answer of memory) lines.push('In the memory of a monitor, as long as it runs:', ...memoryInWords(answer));
  lines.push('', 'What was posted to Nexudus is in Nexudus. The log masks addresses, unless LOG_MACS says otherwise.');
  return `${lines.join('\n')}\n`;
}

function lifeInWords({ livesMs }: Trace): string {
  if (livesMs === null) return ', kept until it is removed:';
  const hours = Math.ceil(livesMs / 3_600_000);
  return `, kept for another ${hours > 48 ? countWords(Math.ceil(hours / 24), 'day') : countWords(hours, 'hour')} at most:`;
}

function memoryInWords(answer: unknown): string[] {
  const { visit, mentions } = answer as { visit: Readonly<Record<string, unknown>> | null; mentions: number };
  const facts = Object.entries(visit ?? {}).filter(([, value]) => value !== null && value !== 'visit');
  return [
    ...facts.map(([name, value]) => `  ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`),
    ...(mentions === 0 ? [] : [`  ${countWords(mentions, 'other device')} may be this one with a new address`]),
  ];
}
