// Sends what laptops and phones send by themselves, multicast DNS (RFC 6762), and not a frame of ARP: node mdns-sender.mjs ADDRESS [CONTENT].
import { createSocket } from 'node:dgram';

const [, , address, content = 'hello'] = process.argv;
const socket = createSocket({ type: 'udp4', reuseAddr: true });
socket.bind(5353, () => {
  socket.setMulticastInterface(address);
  setInterval(() => socket.send(Buffer.from(content), 5353, '224.0.0.251'), 200);
  process.stdout.write('sending\n');
});
