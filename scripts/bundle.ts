// Makes a few files of each command's modules and all the packages they use, so that the command needs no node_modules but the compiled
// binding to libpcap; and the same of the stand-in for Nexudus. The last step of `npm run build`; what tsc made stays beside it, for the scripts.
//
// Fewer files open and link faster. Less text is less memory, because V8 keeps the source of what it has loaded.
import { fileURLToPath } from 'node:url';
import { type Plugin, rolldown } from 'rolldown';

/** Where pcap.js looks for what was compiled when it was installed; Node finds it from wherever the bundle lies. */
const BINDING = 'pcap/build/Release/pcap_binding.node';

/** Leaves the compiled binding where it is. */
const keepBinding: Plugin = {
  name: 'keep-binding',
  resolveId: (id) => (id.endsWith('/pcap_binding') ? { id: BINDING, external: true } : null),
};

/**
 * Of undici what src/nexudus/transport.ts uses, and what its own index.js does for that. The rest (fetch, WebSocket, caches, mocks) would
 * also load the fetch that is built into Node: together 12 MB.
 */
const HTTP_CLIENT = `
import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
import api from 'undici/lib/api/index.js';
Object.assign(Dispatcher.prototype, api);
export { default as Agent } from 'undici/lib/dispatcher/agent.js';
export { default as buildConnector } from 'undici/lib/core/connect.js';
export { default as errors } from 'undici/lib/core/errors.js';
`;
const partOfUndici: Plugin = {
  name: 'part-of-undici',
  resolveId: (id) => (id === 'undici' ? '\0undici' : null),
  load: (id) => (id === '\0undici' ? HTTP_CLIENT : null),
};

/** V8 keeps a source with any other character in it at two octets a character. */
const inAscii: Plugin = {
  name: 'in-ascii',
  generateBundle(_options, bundle) {
    for (const file of Object.values(bundle)) {
      if (file.type === 'chunk') file.code = file.code.replace(/[^\0-\x7f]/g, escaped);
    }
  },
};

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Bundles the modules that `input` leads to into `directory`; paths from the folder dist. */
async function bundle(input: string, directory: string): Promise<void> {
  const path = (from: string) => fileURLToPath(new URL(`../${from}`, import.meta.url));
  const bundle = await rolldown({
    input: path(input),
    platform: 'node',
    plugins: [keepBinding, partOfUndici, inAscii],
    // BullMQ's ES modules: of its back ends for other databases nothing is used, and importing one does nothing.
    resolve: { mainFields: ['module', 'main'] },
    treeshake: { moduleSideEffects: (id) => !id.includes('/node_modules/bullmq/') },
  });
  await bundle.write({
    dir: path(directory),
    format: 'esm',
    chunkFileNames: 'bundle-[name].js',
    // Without comments and white space; names stay, because somebody may have to read a stack trace.
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
  });
  await bundle.close();
}

// All in one folder: modules find their files from src (see own-files.ts).
await bundle('src/cli.js', 'src');
await bundle('scripts/nexudus-sandbox/main.js', 'sandbox');
