// `wifi-monitor setup`: asks for what the monitor needs, tries each answer at once, writes it down, and ends with `doctor`.
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { ConfigError } from '../../config/config.js';
import { ENVIRONMENT } from '../../config/schema.js';
import { withRedis } from '../../sensor/redis-connection.js';
import { doctor } from '../doctor/doctor.js';
import { type Answers, askSetting } from './answers.js';
import { writeEnvFile } from './env-file.js';
import { askInterface } from './interface-question.js';
import { askLocation, askLogin } from './nexudus-questions.js';
import { Ended, Prompt } from './prompt.js';

const QUESTIONS = `wifi-monitor setup asks questions, so it needs a terminal. It would ask for:
  NEXUDUS_USERNAME, NEXUDUS_PASSWORD   the monitor's account in Nexudus (NEXUDUS_TOTP_SECRET if it has two-factor login)
  NEXUDUS_BUSINESS_ID                  the location: the number in the address of its page in Nexudus
  CAPTURE_INTERFACE                    the interface on the visitors' network
  SPACE_TIMEZONE                       the time zone of the location, such as Europe/Madrid
  REDIS_URL                            where visits and failed check-ins are kept, such as redis://127.0.0.1:6379/0
and write them to .env in this directory, with mode 600. Without a terminal, write that file yourself (see .env.example).
`;

const NEXT = `Once nothing of this fails, start it with "wifi-monitor monitor". Its page is then at http://127.0.0.1:9467.
With DRY_RUN=true in .env it decides and posts nothing, which is right for the first day.`;

/** Other ways to give what is asked for: beside it they would be wrong, so they are commented out. */
const OTHER_WAYS: Answers = {
  NEXUDUS_USERNAME_FILE: '',
  NEXUDUS_PASSWORD_FILE: '',
  NEXUDUS_TOTP_SECRET_FILE: '',
  NEXUDUS_ACCESS_TOKEN: '',
  NEXUDUS_ACCESS_TOKEN_FILE: '',
  REDIS_URL_FILE: '',
};

/** Returns doctor's exit code; 1 when the person ended it, 2 without a terminal. @throws ConfigError */
export async function setup({ composeDirectory }: { readonly composeDirectory: string | null }): Promise<number> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    process.stdout.write(QUESTIONS);
    return 2;
  }
  if (composeDirectory !== null && !existsSync(join(composeDirectory, 'compose.yaml')))
    throw new ConfigError([`--compose: there is no compose.yaml in ${composeDirectory}`]);
  const url = ENVIRONMENT.shape.NEXUDUS_URL.safeParse(process.env.NEXUDUS_URL || undefined).data;
  if (url === undefined) throw new ConfigError(['NEXUDUS_URL: must be a URL such as https://spaces.nexudus.com']);
  const path = composeDirectory === null ? '.env' : join(composeDirectory, '.env');
  const before: Answers = existsSync(path) ? withoutUndefined(parseEnv(readFileSync(path, 'utf8'))) : {};
  const prompt = new Prompt();
  let answers: Answers;
  try {
    prompt.say(
      `Every answer is tried at once. Nothing is written before the last one. An answer of - leaves a setting out.\n`,
    );
    answers = await askAll(prompt, { url, before, secretFiles: composeDirectory !== null });
  } catch (error) {
    if (!(error instanceof Ended)) throw error;
    process.stderr.write('\nwifi-monitor: ended before the last question; nothing was written\n');
    return 1;
  } finally {
    prompt.close();
  }
  if (composeDirectory !== null) return writeForCompose(composeDirectory, answers);
  writeEnvFile('.env', { ...OTHER_WAYS, ...answers });
  process.stdout.write('\nWritten to .env, which only its owner can read. "wifi-monitor doctor" says:\n\n');
  for (const [name, value] of Object.entries({ ...OTHER_WAYS, ...answers })) process.env[name] = value;
  const code = await doctor({ watchMs: null });
  process.stdout.write(`\n${NEXT}\n`);
  return code;
}

interface Asking {
  readonly url: string;
  /** What the file said until now. */
  readonly before: Answers;
  /** Whether secrets go into files of their own, for compose.yaml, which brings a Redis as well. */
  readonly secretFiles: boolean;
}

async function askAll(prompt: Prompt, asking: Asking): Promise<Answers> {
  const { url, before, secretFiles } = asking;
  const login = await askLogin(prompt, asking);
  const location = await askLocation(prompt, url, login, before.NEXUDUS_BUSINESS_ID ?? '');
  const interfaceName = await askInterface(prompt, before.CAPTURE_INTERFACE ?? null);
  const zone = before.SPACE_TIMEZONE ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  const timeZone = await askSetting(prompt, 'SPACE_TIMEZONE', 'Time zone of the location', zone);
  return {
    ...(process.env.NEXUDUS_URL ? { NEXUDUS_URL: url } : {}),
    ...login,
    NEXUDUS_BUSINESS_ID: location,
    CAPTURE_INTERFACE: interfaceName ?? '',
    SPACE_TIMEZONE: timeZone,
    ...(secretFiles ? {} : { REDIS_URL: await askRedis(prompt, before.REDIS_URL) }),
  };
}

/** Asks until Redis answers, or the person goes without. */
async function askRedis(prompt: Prompt, before: string | undefined): Promise<string> {
  const question = 'Redis, which keeps visits over restarts (- for none)';
  for (;;) {
    const url = await askSetting(prompt, 'REDIS_URL', question, before ?? 'redis://127.0.0.1:6379/0');
    if (url === '') {
      prompt.say('  Without Redis every restart forgets what waits, and reports devices that are present again.');
      return url;
    }
    try {
      await withRedis(url, (redis) => redis.ping());
      prompt.say('  Redis answers.');
      return url;
    } catch (error) {
      prompt.say(`  ${error instanceof Error ? error.message : String(error)}.`);
    }
  }
}

/** The password and Redis's URL go into files, which compose.yaml mounts as secrets. */
function writeForCompose(directory: string, { NEXUDUS_PASSWORD: password = '', ...settings }: Answers): number {
  const secrets = join(directory, 'secrets');
  mkdirSync(secrets, { recursive: true, mode: 0o700 });
  chmodSync(secrets, 0o700);
  // The containers' users must be able to read them; the directory keeps others out.
  writeFileSync(join(secrets, 'nexudus_password'), `${password}\n`, { mode: 0o644 });
  const redisUrl = join(secrets, 'redis_url');
  if (!existsSync(redisUrl)) {
    const made = `redis://:${randomBytes(24).toString('hex')}@127.0.0.1:6379/0\n`;
    writeFileSync(redisUrl, made, { mode: 0o644 });
  }
  writeEnvFile(join(directory, '.env'), settings);
  process.stdout.write(
    `\nWritten to ${join(directory, '.env')} and ${secrets}. Next, in ${directory}:\n` +
      '  docker compose up --detach --build\n  docker compose exec monitor wifi-monitor doctor\n',
  );
  return 0;
}

function withoutUndefined(values: NodeJS.Dict<string>): Answers {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
