// Asks the LAN once for a service by multicast DNS (RFC 6762 section 5.2), as devices do again and again by themselves, without a frame
// of ARP: node mdns-query.mjs ADDRESS SERVICE, such as _airplay._tcp.local.
import { createSocket } from 'node:dgram';

const [, , address = '', service = ''] = process.argv;
const PTR = 12;
const IN = 1;

const header = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const name = service.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
const query = Buffer.from([...header, ...name, 0, 0, PTR, 0, IN]);

const socket = createSocket({ type: 'udp4', reuseAddr: true });
socket.bind(5353, () => {
  socket.setMulticastInterface(address);
  socket.setMulticastTTL(255);
  socket.send(query, 5353, '224.0.0.251', () => socket.close());
});
