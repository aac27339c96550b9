// The login and the location: asked for, and tried against Nexudus at once.
import { z } from 'zod';
import { createNexudusClient, type NexudusClient, NexudusError } from '../../nexudus/client.js';
import type { Login } from '../../nexudus/token.js';
import { countWords } from '../../presenters/count-words.js';
import { type Answers, askSetting } from './answers.js';
import { canBeWritten } from './env-file.js';
import type { Prompt } from './prompt.js';

const ID = 'wifi-monitor-setup';
const COWORKERS = z.object({
  Records: z.array(z.object({ InvoicingBusinessId: z.number().int().nullish() })),
});

/** Asks until Nexudus takes the login. `secretFiles`: the password has a file of its own, which holds any. @throws Ended */
export async function askLogin(
  prompt: Prompt,
  { url, before, secretFiles }: { readonly url: string; readonly before: Answers; readonly secretFiles: boolean },
): Promise<Answers> {
  let username = before.NEXUDUS_USERNAME ?? '';
  for (let tries = 0; ; tries++) {
    username = await askSetting(prompt, 'NEXUDUS_USERNAME', "E-mail of the monitor's account in Nexudus", username);
    if (username === '') {
      prompt.say('  Write the e-mail address of the account.');
      continue;
    }
    const password = await askPassword(prompt, secretFiles);
    // Few accounts have it, so it is asked for when the login did not work without.
    const totp =
      tries === 0 && before.NEXUDUS_TOTP_SECRET === undefined
        ? ''
        : await askSetting(prompt, 'NEXUDUS_TOTP_SECRET', 'Secret of its two-factor login, if it has one', '');
    const login: Login = { kind: 'password', username, password, totpSecret: totp === '' ? null : totp };
    const trouble = await withClient(url, login, tryLogin);
    if (trouble === null) {
      prompt.say('  Nexudus takes the login.');
      return { NEXUDUS_USERNAME: username, NEXUDUS_PASSWORD: password, NEXUDUS_TOTP_SECRET: totp };
    }
    prompt.say(`  ${trouble}`);
  }
}

/** Asks until a location is named that the account can see, or that the person insists on. @throws Ended */
export async function askLocation(prompt: Prompt, url: string, answers: Answers, before: string): Promise<string> {
  const login: Login = {
    kind: 'password',
    username: answers.NEXUDUS_USERNAME ?? '',
    password: answers.NEXUDUS_PASSWORD ?? '',
    totpSecret: answers.NEXUDUS_TOTP_SECRET || null,
  };
  const seen = await withClient(url, login, locationsOf);
  for (;;) {
    const text = await askSetting(
      prompt,
      'NEXUDUS_BUSINESS_ID',
      'Number of the location (in the address of its page)',
      before,
    );
    const id = Number(text);
    if (text === '') prompt.say('  Write the number of the location.');
    else if (seen === null) {
      prompt.say('  It could not be tried: the account may not read coworkers, or there are none.');
      return text;
    } else if (seen.has(id)) {
      prompt.say(`  ${countWords(seen.get(id) ?? 0, 'coworker')} of this location seen.`);
      return text;
    } else {
      const others = [...seen.keys()].slice(0, 10).join(', ');
      prompt.say(`  The account sees no coworker of location ${id}, but of ${others}.`);
      if (await prompt.confirm('  Take it all the same?', false)) return text;
    }
  }
}

async function askPassword(prompt: Prompt, secretFiles: boolean): Promise<string> {
  for (;;) {
    const password = await prompt.askSecret('Its password');
    if (password === '') prompt.say('  Write the password.');
    else if (secretFiles || canBeWritten(password)) return password;
    else
      prompt.say(
        `  This one cannot be written into .env: it has ' beside ", $, \` or \\. Use --compose, or NEXUDUS_PASSWORD_FILE.`,
      );
  }
}

async function withClient<T>(url: string, auth: Login, work: (client: NexudusClient) => Promise<T>): Promise<T> {
  const client = createNexudusClient({ url, auth, clientId: ID });
  try {
    return await work(client);
  } finally {
    await client.close();
  }
}

/** Returns why the login does not work, in words; null when it does. */
async function tryLogin(client: NexudusClient): Promise<string | null> {
  try {
    await client.get('/api/sys/users', z.unknown(), { role: 'User-List', query: { page: 1, size: 1 } });
    return null;
  } catch (error) {
    if (!(error instanceof NexudusError)) throw error;
    const { failure } = error;
    switch (failure.kind) {
      case 'login-refused':
        // Nexudus's own words may end with a full stop.
        return `Nexudus refuses the login: ${failure.message.replace(/\.$/, '')}. Try again.`;
      case 'unavailable':
      case 'unexpected':
        return `${failure.message}. Check the way to the internet, then try again.`;
      case 'unauthorised':
      case 'rejected':
      case 'throttled':
        // The login worked; what is missing besides, doctor says.
        return null;
    }
  }
}

/** Returns how many coworkers of each location the account sees, among the first; null when it sees none. */
async function locationsOf(client: NexudusClient): Promise<Map<number, number> | null> {
  try {
    const query = { page: 1, size: 200 };
    const { Records } = await client.get('/api/spaces/coworkers', COWORKERS, { role: 'Coworker-List', query });
    const counts = new Map<number, number>();
    for (const { InvoicingBusinessId: id } of Records)
      if (typeof id === 'number') counts.set(id, (counts.get(id) ?? 0) + 1);
    return counts.size === 0 ? null : counts;
  } catch (error) {
    if (error instanceof NexudusError) return null;
    throw error;
  }
}
