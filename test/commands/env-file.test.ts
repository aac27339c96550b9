// The file that `setup` writes: what is in it reads back as it was typed, other lines stay, and nobody else can read it.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { canBeWritten, writeEnvFile } from '../../src/commands/setup/env-file.js';

const directory = mkdtempSync(join(tmpdir(), 'nwm-env-'));
afterAll(() => rmSync(directory, { recursive: true }));
const path = join(directory, '.env');

test('every value that can be written is read back as it was', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), (value) => {
      fc.pre(canBeWritten(value));
      writeEnvFile(path, { NEXUDUS_PASSWORD: value });
      return parseEnv(readFileSync(path, 'utf8')).NEXUDUS_PASSWORD === value;
    }),
  );
});

test.each(['secret', 'with # and space ', "o'brien", '$HOME`x`', 'say "hi"', '=\\n'])(
  'the password %j can be written',
  (value) => {
    expect(canBeWritten(value)).toBe(true);
  },
);

test.each(['two\nlines', `both ' and "`, "o'$HOME", "o'\\n"])(
  'the password %j cannot, because readers differ',
  (value) => {
    expect(canBeWritten(value)).toBe(false);
  },
);

test('lines that are not asked for stay, also when the file was readable for everybody; the rest is replaced once', () => {
  writeFileSync(path, '# first\nA=1\nexport B=2\n\nB=3\nC="4"', { mode: 0o644 });
  writeEnvFile(path, { B: 'new', C: '', D: 'more', E: '' });
  expect(readFileSync(path, 'utf8')).toBe('# first\nA=1\nB=new\n\n# C=\nD=more\n');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(existsSync(`${path}.new`)).toBe(false);
});
