// Entry of scripts/record-captures: makes every recording, or those named, and writes them with their variants.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../test/run-process.js';
import { morning, recordScenario, type Scenario, threeDays } from './coworking-space.js';
import { exchanges } from './exchanges.js';
import { expectedVisits } from './expected-visits.js';
import { writePcap } from './pcap-file.js';

const scenarios: Record<string, Scenario> = { morning, 'three-days': threeDays };
const variantsOf = 'udhcpc-join';

const directory = 'test/captures';
const known = [...Object.keys(exchanges), ...Object.keys(scenarios)];
const wanted = process.argv.length > 2 ? process.argv.slice(2) : known;
const unknown = wanted.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`no such recording: ${unknown.join(', ')}. There are: ${known.join(', ')}`);
  process.exit(2);
}

for (const [name, record] of Object.entries(exchanges)) {
  if (!wanted.includes(name)) continue;
  console.log(`recording ${name}`);
  const capture = await record();
  const file = join(directory, name);
  await writeFile(`${file}.pcap`, writePcap(capture));
  if (name === variantsOf) {
    await writeFile(`${file}-nanoseconds.pcap`, writePcap(capture, { nanoseconds: true }));
    await writeFile(`${file}-big-endian.pcap`, writePcap(capture, { bigEndian: true }));
    await run('editcap', ['-F', 'pcapng', `${file}.pcap`, `${file}.pcapng`]);
  }
}

// pcapng with two interfaces, as a sensor with two of them writes it.
if (wanted.includes('udhcpc-join') || wanted.includes('dhclient-join')) {
  const files = ['udhcpc-join.pcap', 'dhclient-join.pcap'].map((name) => join(directory, name));
  await run('mergecap', ['-F', 'pcapng', '-I', 'none', '-w', join(directory, 'two-interfaces.pcapng'), ...files]);
}

for (const [name, scenario] of Object.entries(scenarios)) {
  if (!wanted.includes(name)) continue;
  console.log(`recording ${name}; this takes minutes`);
  const file = join(directory, name);
  await writeFile(`${file}.pcap`, writePcap(await recordScenario(scenario)));
  await writeFile(`${file}-visits.csv`, await expectedVisits(`${file}.pcap`));
}
