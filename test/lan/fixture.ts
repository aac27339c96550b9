// A test LAN with a sensor deployed in it, as fixtures: made when a test first asks for one, and gone afterwards whatever
// happened. A test file says what differs with `extend`.
import { test as base } from 'vitest';
import { Deployment } from './deployment.js';
import { Lan, type LanOptions, type Sensor } from './lan.js';

const PLAIN_LAN: LanOptions = {};
/** What the sandbox of the Nexudus API knows; see Deployment.start. */
const NOTHING_KNOWN: object = {};

interface Ending {
  readonly onCleanup: (cleanup: () => Promise<void>) => void;
}

async function makeLan({ lanOptions }: { lanOptions: LanOptions }, { onCleanup }: Ending): Promise<Lan> {
  const lan = await Lan.create(lanOptions);
  onCleanup(() => lan.close());
  return lan;
}

function makeSensor({ lan }: { lan: Lan }): Promise<Sensor> {
  return lan.sensor();
}

async function deploy(
  { lan, sensor, seed }: { lan: Lan; sensor: Sensor; seed: object },
  { onCleanup }: Ending,
): Promise<Deployment> {
  const deployment = await Deployment.start(lan, sensor, seed);
  onCleanup(() => deployment.stop());
  return deployment;
}

/** Every test has a LAN of its own. */
export const lanTest = base
  .extend('lanOptions', PLAIN_LAN)
  .extend('seed', NOTHING_KNOWN)
  .extend('lan', makeLan)
  .extend('sensor', makeSensor)
  .extend('deployment', deploy);

/** The tests of a file share one LAN. */
export const sharedLanTest = base
  .extend('lanOptions', { scope: 'file' }, PLAIN_LAN)
  .extend('seed', { scope: 'file' }, NOTHING_KNOWN)
  .extend('lan', { scope: 'file' }, makeLan)
  .extend('sensor', { scope: 'file' }, makeSensor)
  .extend('deployment', { scope: 'file' }, deploy);
