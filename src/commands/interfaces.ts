// `wifi-monitor interfaces`: lists the network interfaces, which of them are suitable, and whether capturing is permitted.
import { formatMac } from '../addresses/mac-address.js';
import { CaptureError } from '../capture/capture-error.js';
import { captureLive } from '../capture/live-interface.js';
import { defaultRoute, listInterfaces, type NetworkInterface } from '../capture/network-interfaces.js';
import { printTable } from '../presenters/table.js';

interface Row {
  readonly name: string;
  readonly up: boolean;
  readonly link: boolean;
  readonly mac: string | null;
  readonly ethernet: boolean;
  readonly broadcast: boolean;
  readonly defaultRoute: boolean;
  /** Null when it is known only once the interface is up. */
  readonly capture: boolean | null;
  readonly recommended: boolean;
  /** Why it is recommended, or is not. */
  readonly advice: string;
}

/** Prints a table, or a JSON object for each interface. Returns 0. */
export function interfaces({ json }: { json: boolean }): number {
  const route = defaultRoute()?.interfaceName ?? null;
  const all = listInterfaces();
  const suited = all.filter((candidate) => obstacleOf(candidate) === null);
  const best = suited.find(({ name }) => name === route) ?? suited[0];
  const rows = all.map((candidate): Row => {
    const permitted = mayCapture(candidate);
    return {
      name: candidate.name,
      up: candidate.isUp,
      link: candidate.hasCarrier,
      mac: candidate.mac === null ? null : formatMac(candidate.mac),
      ethernet: candidate.isEthernet,
      broadcast: candidate.hasBroadcast,
      defaultRoute: candidate.name === route,
      capture: permitted,
      recommended: candidate === best,
      advice: adviceOn(candidate, candidate === best, route, permitted),
    };
  });
  if (json) process.stdout.write(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  else {
    const word = (value: boolean | null) => (value === null ? '?' : value ? 'yes' : 'no');
    printTable(
      [
        { title: 'INTERFACE' },
        { title: 'UP' },
        { title: 'LINK' },
        { title: 'MAC' },
        { title: 'DEFAULT ROUTE' },
        { title: 'CAPTURE' },
        { title: 'ADVICE', least: 20 },
      ],
      rows.map((row) => [
        row.name,
        word(row.up),
        word(row.link),
        row.mac ?? '',
        row.defaultRoute ? 'yes' : '',
        word(row.capture),
        row.advice,
      ]),
    );
    if (rows.some(({ capture }) => capture === false)) {
      process.stdout.write(
        'Capturing is not permitted: run as root or grant CAP_NET_RAW (see README, "Permissions").\n',
      );
    }
  }
  return 0;
}

/** Returns why devices are not seen on this interface; null when it is suitable. */
function obstacleOf(candidate: NetworkInterface): string | null {
  if (candidate.isLoopback) return 'no: only this machine talks here';
  if (!candidate.isEthernet) return 'no: not Ethernet, devices do not show their addresses here';
  if (!candidate.hasBroadcast) return 'no: broadcasts do not arrive here';
  if (!candidate.isUp) return `not now: it is down (ip link set ${candidate.name} up)`;
  if (!candidate.hasCarrier) return 'not now: it has no link';
  return null;
}

function adviceOn(
  candidate: NetworkInterface,
  isBest: boolean,
  route: string | null,
  permitted: boolean | null,
): string {
  const obstacle = obstacleOf(candidate);
  if (obstacle !== null) return obstacle;
  const hint = permitted === false ? ', once capturing is permitted' : '';
  if (!isBest) return `possible, if the visitors' devices are on its network`;
  if (candidate.name === route) return `recommended${hint}; on a router take the side where the visitors are`;
  return `recommended${hint}: CAPTURE_INTERFACE=${candidate.name}`;
}

function mayCapture(candidate: NetworkInterface): boolean | null {
  try {
    captureLive(candidate.name, { promiscuous: false, ipv6: false }, () => {}).close();
    return true;
  } catch (error) {
    return error instanceof CaptureError && error.problem === 'no-permission' ? false : null;
  }
}
