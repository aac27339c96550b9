// Copies every frame of one interface to another and adds VLAN tags on the way, as the trunk port of a switch does.
// In user space, so that test LANs have VLANs on kernels without 802.1Q support too.
// Arguments: FROM TO TAG..., a tag being the hex of its four bytes (tag protocol, VLAN id), outermost first.
import pcap from 'pcap';

const [from, to, ...tags] = process.argv.slice(2);
const tagBytes = Buffer.from(tags.join(''), 'hex');
const addresses = 12;

const output = pcap.createSession(to, { buffer_timeout: 0, filter: 'less 1' });
const input = pcap.createSession(from, { buffer_timeout: 0, promiscuous: true });
input.on('packet', ({ buf, header }) => {
  const frame = buf.subarray(0, header.readUInt32LE(8));
  output.inject(Buffer.concat([frame.subarray(0, addresses), tagBytes, frame.subarray(addresses)]));
});
process.stdout.write('tagging\n');
