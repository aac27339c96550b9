// `wifi-monitor interfaces`: what there is to listen on, what looks right, and whether capturing is permitted.

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
  /** Null when that can be told only once the interface is up. */
  readonly capture: boolean | null;
  readonly recommended: boolean;
  /** Why it is recommended, or is not. */
  readonly advice: string;
}

/** Prints a table, or one JSON object a line. Returns 0. */
export function interfaces({ json }: { json: boolean }): number {
  const route = defaultRoute()?.interfaceName ?? null;
  const all = listInterfaces();
  const suited = all.filter((one) => obstacleOf(one) === null);
  const best = suited.find(({ name }) => name === route) ?? suited[0];
  const rows = all.map((one): Row => {
    const permitted = mayCapture(one);
    return {
      name: one.name,
      up: one.isUp,
      link: one.hasCarrier,
      mac: one.mac === null ? null : formatMac(one.mac),
      ethernet: one.isEthernet,
      broadcast: one.hasBroadcast,
      defaultRoute: one.name === route,
      capture: permitted,
      recommended: one === best,
      advice: adviceOn(one, one === best, route, permitted),
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

/** Why devices would not be seen on this interface; null when nothing speaks against it. */
function obstacleOf(one: NetworkInterface): string | null {
  if (one.isLoopback) return 'no: only this machine talks here';
  if (!one.isEthernet) return 'no: not Ethernet, devices do not show their addresses here';
  if (!one.hasBroadcast) return 'no: broadcasts do not arrive here';
  if (!one.isUp) return `not now: it is down (ip link set ${one.name} up)`;
  if (!one.hasCarrier) return 'not now: it has no link';
  return null;
}

function adviceOn(one: NetworkInterface, isBest: boolean, route: string | null, permitted: boolean | null): string {
  const obstacle = obstacleOf(one);
  if (obstacle !== null) return obstacle;
  const hint = permitted === false ? ', once capturing is permitted' : '';
  if (!isBest) return `possible, if the visitors' devices are on its network`;
  if (one.name === route) return `recommended${hint}; on a router take the side where the visitors are`;
  return `recommended${hint}: CAPTURE_INTERFACE=${one.name}`;
}

function mayCapture(one: NetworkInterface): boolean | null {
  try {
    captureLive(one.name, { promiscuous: false, ipv6: false }, () => {}).close();
    return true;
  } catch (error) {
    return error instanceof CaptureError && error.problem === 'no-permission' ? false : null;
  }
}
