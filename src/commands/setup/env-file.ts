// Writes settings into an environment file that Node, systemd and Compose read alike.
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseEnv } from 'node:util';

/** Text that means the same to every reader without quotes. */
const PLAIN = /^[\w@%+=:,./-]*$/;

/** Returns a line `NAME=value`; null for a value that cannot be written so that every reader understands it. */
function lineOf(name: string, value: string): string | null {
  if (PLAIN.test(value)) return `${name}=${value}`;
  const line = value.includes("'") ? `${name}="${value}"` : `${name}='${value}'`;
  // Compose and systemd take backslash and dollar in double quotes for more than themselves.
  const isAmbiguous = /[\r\n]/.test(value) || (value.includes("'") && /["\\$`]/.test(value));
  return isAmbiguous || parseEnv(line)[name] !== value ? null : line;
}

/** Whether the value can be written into an environment file. */
export function canBeWritten(value: string): boolean {
  return lineOf('NAME', value) !== null;
}

/**
 * Sets variables in the file, keeps all its other lines, and makes it readable for its owner alone. An empty value comments the variable
 * out. The file is replaced in one step.
 */
export function writeEnvFile(path: string, settings: Readonly<Record<string, string>>): void {
  const before = existsSync(path) ? readFileSync(path, 'utf8').replace(/\n*$/, '\n') : '';
  const rest = new Map(Object.entries(settings));
  const lines = before.split('\n').flatMap((text) => {
    const name = /^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)=/.exec(text)?.[1];
    const value = name === undefined ? undefined : settings[name];
    if (name === undefined || value === undefined) return [text];
    if (!rest.delete(name)) return [];
    return [value === '' ? `# ${name}=` : (lineOf(name, value) ?? text)];
  });
  const added = [...rest].filter(([, value]) => value !== '').map(([name, value]) => lineOf(name, value) ?? '');
  const text = `${[...lines.join('\n').split('\n').slice(0, -1), ...added].join('\n')}\n`;
  const fresh = `${path}.new`;
  writeFileSync(fresh, text, { mode: 0o600 });
  // A file that was left there has the mode it had.
  chmodSync(fresh, 0o600);
  renameSync(fresh, path);
}
