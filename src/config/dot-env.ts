// Reads the file .env in the working directory.
import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { ConfigError } from './config.js';
import { errorCode } from './read.js';

/**
 * Adds the variables in `.env` to the environment. The real environment wins, also when it names the file of a secret (`NAME_FILE`).
 * @throws ConfigError when there is a .env that cannot be read
 */
export function loadDotEnv(): void {
  if (!existsSync('.env')) return;
  let text: string;
  try {
    text = readFileSync('.env', 'utf8');
  } catch (error) {
    throw new ConfigError([
      `.env: it is there but cannot be read (${errorCode(error)}); make it readable for the user running this`,
    ]);
  }
  // Compose files pass variables that are not set as empty ones.
  const given = new Set(Object.keys(process.env).filter((name) => process.env[name] !== ''));
  for (const [name, value] of Object.entries(parseEnv(text))) {
    const other = name.endsWith('_FILE') ? name.slice(0, -'_FILE'.length) : `${name}_FILE`;
    if (!given.has(name) && !given.has(other)) process.env[name] = value ?? '';
  }
}
