// `wifi-monitor doctor --watch`: listens for a while, and says whether the sensor is in the right place.
import { setTimeout as sleep } from 'node:timers/promises';
import type { MacAddress } from '../../addresses/mac-address.js';
import { defaultRoute, forwardsPackets, neighbourMac, ownMacs } from '../../capture/network-interfaces.js';
import type { Config } from '../../config/config.js';
import { formatDuration } from '../../config/values.js';
import { countWords } from '../../presenters/count-words.js';
import { type Finding, fail, note, ok } from './finding.js';
import { type Heard, type Hearing, listenOn } from './hearing.js';

/** What is known of the place besides what was heard. */
export interface Place {
  readonly name: string;
  /** Whether this machine is the router of the interface's network. */
  readonly isRouter: boolean;
  /** MAC of the default gateway; null when it is unknown or this is the router. */
  readonly gateway: MacAddress | null;
}

/** Listens on every interface at once for `forMs`. An interface that cannot be captured on was reported before, and is left out. */
export async function* watchPlace(config: Config, names: readonly string[], forMs: number): AsyncGenerator<Finding> {
  yield note(
    'place',
    `listening on ${names.join(', ')} for ${formatDuration(forMs)}. Switch a phone on and off meanwhile`,
  );
  const own = ownMacs();
  const listening: { name: string; hearing: Hearing }[] = [];
  for (const name of names) {
    try {
      listening.push({ name, hearing: listenOn(name, config, own) });
    } catch (error) {
      yield fail('place', error instanceof Error ? error.message : String(error));
    }
  }
  await sleep(forMs);
  const route = defaultRoute();
  for (const { name, hearing } of listening) {
    hearing.close();
    const isRouter = forwardsPackets() && route?.interfaceName !== name;
    const gateway = route?.interfaceName === name ? neighbourMac(route.gatewayIpv4) : null;
    yield aboutPlace({ name, isRouter, gateway }, hearing.heard);
  }
}

/** The verdict on an interface. Pure. */
export function aboutPlace({ name, isRouter, gateway }: Place, { devices, toOthers, toUs }: Heard): Finding {
  const isVisitor = (mac: MacAddress) => mac !== gateway;
  const visitors = [...devices].filter(isVisitor).length;
  const words = `${name}: ${countWords(visitors, 'device')} heard`;
  if (devices.size === 0) {
    return fail(
      'place',
      `${name}: nothing was heard. Nobody is on this network, it is not the visitors' one, or its cable or mirror port is dead`,
    );
  }
  if (visitors === 0) {
    return fail(
      'place',
      `${name}: only the gateway was heard. Either nobody is there, or the access points keep devices apart (client isolation): ` +
        'connect the sensor by cable, or put it on the router or a mirror of its port',
    );
  }
  const addressed = [...toOthers, ...(isRouter ? toUs : [])].filter(isVisitor).length;
  if (addressed > 0) {
    return ok(
      'place',
      `${words}, and also what devices say to ${isRouter ? 'this router' : 'the router'}: a good place, it hears everything that counts`,
    );
  }
  return note(
    'place',
    `${words}, but only what they send to everybody: it hears devices join, and then little. ` +
      `${isRouter ? 'If nobody uses the network at present, that is enough' : 'PROBE_PRESENT=true is advised here, or a place on the router'}`,
  );
}
