// What `wifi-monitor doctor` advises about an interface that can be listened on, but does not hear all that it could.
import {
  defaultRoute,
  forwardsPackets,
  type NetworkInterface,
  ownAddressesOn,
} from '../../capture/network-interfaces.js';
import type { Config } from '../../config/config.js';

export type ListeningSettings = Pick<Config, 'promiscuous' | 'keepAlives' | 'probePresent'>;

/** Sentences, each about one thing that could be better and how. */
export function listeningAdvice(found: NetworkInterface, settings: ListeningSettings): string[] {
  if (found.isLoopback) return [];
  return [multicastAdvice(found, settings), probingAdvice(found, settings)].filter((text) => text !== null);
}

function multicastAdvice(
  { name, filtersMulticast }: NetworkInterface,
  { promiscuous, keepAlives }: ListeningSettings,
): string | null {
  if (!filtersMulticast || promiscuous || !keepAlives) return null;
  return (
    `${name} drops most multicast, which shows that devices are still here: run ` +
    `"ip link set ${name} allmulticast on" (it sends nothing), or set CAPTURE_PROMISCUOUS=true`
  );
}

function probingAdvice(
  { name, isEthernet }: NetworkInterface,
  { promiscuous, probePresent }: ListeningSettings,
): string | null {
  if (probePresent) {
    if (!isEthernet)
      return `PROBE_PRESENT: no device is asked through ${name}, because it is no single Ethernet or Wi-Fi interface`;
    return ownAddressesOn(name)?.ipv4s.length === 0
      ? `PROBE_PRESENT: ${name} has no IPv4 address, so devices are asked from 0.0.0.0: give it one in their network if you can`
      : null;
  }
  // A router, and a mirror of the router's port, hear what devices send to the router.
  if (!isEthernet || promiscuous || isRouterOf(name)) return null;
  return (
    `this machine is not the router of ${name}'s network, so it hears broadcasts and multicast alone, and who is silent seems to ` +
    'have left: PROBE_PRESENT=true asks such devices (README, "How it decides"), or move the monitor to the router'
  );
}

/** A machine whose own way out leads through the interface is a guest of that network, whatever it forwards for containers. */
function isRouterOf(name: string): boolean {
  return forwardsPackets() && defaultRoute()?.interfaceName !== name;
}
