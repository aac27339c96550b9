// Link types by the names that the pcap package has for them (https://www.tcpdump.org/linktypes.html).
import type { LinkType } from '../decode/frame.js';

/** The package knows some by name. For the others it has a text with their DLT number. */
const DECODED: Record<string, LinkType> = {
  LINKTYPE_ETHERNET: 'ethernet',
  LINKTYPE_LINUX_SLL: 'linux-sll',
  'Unknown linktype 276': 'linux-sll2',
  LINKTYPE_NULL: 'null',
  'Unknown linktype 108': 'null',
  LINKTYPE_RAW: 'raw',
  'Unknown linktype 228': 'raw',
  'Unknown linktype 229': 'raw',
};

const ON_THE_INTERFACE = 'Record the network interface itself instead, for example with tcpdump -i eth0';
const MONITOR_MODE =
  'Monitor mode records radio frames, whose contents are encrypted. Record the network that the access point is plugged ' +
  'into instead, or a wireless interface without monitor mode (tcpdump without -I)';

const REFUSED: Record<string, [name: string, advice: string]> = {
  LINKTYPE_IEEE802_11_RADIO: ['IEEE802_11_RADIO', MONITOR_MODE],
  'Unknown linktype 105': ['IEEE802_11', MONITOR_MODE],
  'Unknown linktype 119': ['PRISM_HEADER', MONITOR_MODE],
  'Unknown linktype 163': ['IEEE802_11_AVS', MONITOR_MODE],
  'Unknown linktype 192': ['PPI', MONITOR_MODE],
  'Unknown linktype 9': ['PPP', ON_THE_INTERFACE],
  'Unknown linktype 51': ['PPP_ETHER', ON_THE_INTERFACE],
  'Unknown linktype 187': ['BLUETOOTH_HCI_H4', ON_THE_INTERFACE],
  'Unknown linktype 189': ['USB_LINUX', ON_THE_INTERFACE],
  'Unknown linktype 201': ['BLUETOOTH_HCI_H4_WITH_PHDR', ON_THE_INTERFACE],
  'Unknown linktype 220': ['USB_LINUX_MMAPPED', ON_THE_INTERFACE],
  'Unknown linktype 239': ['NFLOG', ON_THE_INTERFACE],
  'Unknown linktype 253': ['NETLINK', ON_THE_INTERFACE],
  'Unknown linktype 258': ['PKTAP', 'Record one interface instead of pktap, for example with tcpdump -i en0'],
};

/** Returns the link type that the pcap package calls `pcapName`; null when this project cannot decode it. */
export function linkTypeOf(pcapName: string): LinkType | null {
  return DECODED[pcapName] ?? null;
}

/** Returns the end of a sentence that says what is unsupported and what to do: `unsupported link type PPI. Monitor mode ...`. */
export function unsupportedLinkType(pcapName: string): string {
  const number = pcapName.replace('Unknown linktype ', '');
  const [name, advice] = REFUSED[pcapName] ?? [number, ON_THE_INTERFACE];
  return `unsupported link type ${name}. ${advice}`;
}
