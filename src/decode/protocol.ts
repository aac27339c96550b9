// The protocols whose frames are sightings, and their names.

/** The protocol of a sighting, as it stands in JSON. */
export type Protocol = 'arp' | 'dhcp' | 'ndp' | 'dhcpv6';

/** As they are written for people. */
export const PROTOCOL_NAMES: Readonly<Record<Protocol, string>> = {
  arp: 'ARP',
  dhcp: 'DHCP',
  ndp: 'NDP',
  dhcpv6: 'DHCPv6',
};

export const PROTOCOLS = Object.keys(PROTOCOL_NAMES) as readonly Protocol[];
