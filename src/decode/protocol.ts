// The protocols in which devices give themselves away: their names and ports.

/** The protocol of a sighting, as it stands in JSON. */
export type Protocol = 'arp' | 'dhcp' | 'ndp' | 'dhcpv6';

/** What people call them. */
export const PROTOCOL_NAMES: Readonly<Record<Protocol, string>> = {
  arp: 'ARP',
  dhcp: 'DHCP',
  ndp: 'NDP',
  dhcpv6: 'DHCPv6',
};

export const PROTOCOLS = Object.keys(PROTOCOL_NAMES) as readonly Protocol[];
