// Makes src/addresses/vendor-names.txt, a step of `npm run build`: of oui-data what src/addresses/vendor.ts reads. A line for each block of
// addresses, its prefix and who registered it, in order: first by the length of the prefix, then by the prefix. 1.7 MB instead of 5.6.
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const records = createRequire(import.meta.url)('oui-data') as Record<string, string>;
const prefixes = Object.keys(records).sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
// Behind the name comes the postal address.
const lines = prefixes.map((prefix) => `${prefix} ${records[prefix]?.split('\n')[0]?.trim()}\n`);
writeFileSync(new URL('../../src/addresses/vendor-names.txt', import.meta.url), lines.join(''));
