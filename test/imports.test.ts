// Holds the code against the rules in src/README.md: which room may import which.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';

const src = new URL('../src/', import.meta.url).pathname;

/** A room may import the rooms before it. `config` stands behind the stages because it names their types; see the test on it. */
const ROOMS = [
  'addresses',
  'redis',
  'decode',
  'capture',
  'visits',
  'nexudus',
  'devices',
  'outbox',
  'notices',
  'pipeline',
  'presenters',
  'config',
  'status',
  'hub',
  'sensor',
  'commands',
];
/** The same within `status`. */
const STATUS_ROOMS = ['facts', 'http'];
/** Where the files lie that are not code: any room may ask. */
const OWN_FILES = 'own-files.ts';

interface Import {
  readonly from: string;
  readonly to: string;
  readonly isOnlyTypes: boolean;
}

function sourceFiles(): string[] {
  return readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(src, file), 'utf8');
  const found = text.matchAll(/(import|export) (type )?[^;]*?from '(\.[^']+)'|import\('(\.[^']+)'\)/g);
  return [...found].map(([, , type, path = '', lazy = path]) => ({
    from: file,
    to: relative(src, join(src, dirname(file), lazy)).replace(/\.js$/, '.ts'),
    isOnlyTypes: type !== undefined,
  }));
}

const imports = sourceFiles().flatMap(importsOf);
const roomOf = (file: string) => file.split('/')[0] ?? '';
const between = ({ from, to }: Import) => `${from} imports ${to}`;

test('the rules name every room there is', () => {
  const rooms = readdirSync(src, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(rooms.map(({ name }) => name).sort()).toEqual([...ROOMS].sort());
  expect(imports.length).toBeGreaterThan(200);
});

test('no room imports one that comes after it', () => {
  const wrong = imports.filter(({ from, to }) => {
    if (!from.includes('/') || to === OWN_FILES) return false;
    return ROOMS.indexOf(roomOf(to)) > ROOMS.indexOf(roomOf(from));
  });
  expect(wrong.map(between)).toEqual([]);
});

test('within status, no room imports one that comes after it', () => {
  const inner = (file: string) => file.split('/')[1] ?? '';
  const inStatus = imports.filter(({ from, to }) => roomOf(from) === 'status' && roomOf(to) === 'status');
  const wrong = inStatus.filter(({ from, to }) => STATUS_ROOMS.indexOf(inner(to)) > STATUS_ROOMS.indexOf(inner(from)));
  expect(wrong.map(between)).toEqual([]);
});

test('the settings know the stages by their types alone, and no stage knows the settings', () => {
  const fromConfig = imports.filter(({ from, to }) => roomOf(from) === 'config' && roomOf(to) !== 'config');
  const values = fromConfig.filter(({ to, isOnlyTypes }) => !isOnlyTypes && roomOf(to) !== 'addresses');
  expect(values.map(between)).toEqual([]);
  const intoConfig = imports.filter(({ from, to }) => roomOf(to) === 'config' && roomOf(from) !== 'config');
  expect([...new Set(intoConfig.map(({ from }) => roomOf(from)))].sort()).toEqual(['commands', 'sensor']);
});

test('only commands read the environment of the process', () => {
  const readers = sourceFiles().filter((file) => readFileSync(join(src, file), 'utf8').includes('process.env'));
  expect(readers.filter((file) => !/^(commands|config|presenters|sensor\/log\.ts)/.test(file))).toEqual([]);
});

test('no folder of folders imports in a circle', () => {
  const folders = new Map<string, Set<string>>();
  for (const { from, to } of imports) {
    const [a, b] = [dirname(from), dirname(to)];
    if (a !== b && to !== OWN_FILES) folders.set(a, (folders.get(a) ?? new Set()).add(b));
  }
  const circles: string[] = [];
  const walk = (folder: string, path: readonly string[]) => {
    if (path.includes(folder)) circles.push([...path.slice(path.indexOf(folder)), folder].join(' -> '));
    else for (const next of folders.get(folder) ?? []) walk(next, [...path, folder]);
  };
  for (const folder of folders.keys()) if (folder !== '.') walk(folder, []);
  expect(circles).toEqual([]);
});
