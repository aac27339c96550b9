// Makes one file of each command's modules, and of zod and commander, which come as a hundred files that take longer to open and link
// than to run. The last step of `npm run build`; what tsc made stays beside it, for the scripts.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/** Packages that are many small files and nothing but JavaScript. All others are loaded as they were installed. */
const BUNDLED = ['commander', 'zod'];

const src = fileURLToPath(new URL('../src/', import.meta.url));
const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  dependencies: Record<string, string>;
};
const external = Object.keys(manifest.dependencies).filter((name) => !BUNDLED.includes(name));

const bundle = await rolldown({ input: `${src}cli.js`, platform: 'node', external });
// All in one folder: modules find their files from src (see own-files.ts).
await bundle.write({ dir: src, format: 'esm', chunkFileNames: 'bundle-[name].js' });
await bundle.close();
