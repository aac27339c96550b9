// The visits in a capture file by tshark and a few lines that share nothing with src/. Tests compare with them.
import { run } from '../../test/run-process.js';

const VISIT_GAP_SECONDS = 15 * 60;

/** Returns CSV with a header: from when to when each device was there, by its ARP and DHCPv4 frames, for a gap of 15 minutes. */
export async function expectedVisits(file: string): Promise<string> {
  const fields = [
    'frame.time_epoch',
    'arp.opcode',
    'arp.src.hw_mac',
    'dhcp.type',
    'dhcp.option.dhcp',
    'dhcp.hw.mac_addr',
  ];
  const columns = ['-T', 'fields', '-E', 'occurrence=f', ...fields.flatMap((field) => ['-e', field])];
  const lines = await run('tshark', ['-r', file, '-Y', 'arp || dhcp', ...columns]);
  const open = new Map<string, { mac: string; start: number; end: number; sightings: number }>();
  const visits: { mac: string; start: number; end: number; sightings: number }[] = [];
  for (const line of lines.split('\n')) {
    const [time = '', opcode, arpMac, bootpType, messageType, chaddr] = line.split('\t');
    const seconds = Number(time);
    const isRelease = messageType === '7';
    const isAck = messageType === '5';
    const isSighting =
      opcode === '1' || opcode === '2' || (bootpType === '1' && !isRelease) || (bootpType === '2' && isAck);
    const mac = arpMac || chaddr;
    if (!isSighting || !mac) continue;
    let visit = open.get(mac);
    if (visit === undefined || seconds - visit.end > VISIT_GAP_SECONDS) {
      visit = { mac, start: seconds, end: seconds, sightings: 0 };
      open.set(mac, visit);
      visits.push(visit);
    }
    visit.end = seconds;
    visit.sightings++;
  }
  const iso = (seconds: number) => new Date(Math.floor(seconds) * 1000).toISOString().replace('.000', '');
  const rows = visits.map(({ mac, start, end, sightings }) => `${mac},${iso(start)},${iso(end)},${sightings}`);
  return `${['mac,start,end,sightings', ...rows].join('\n')}\n`;
}
