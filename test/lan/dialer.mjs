// The way out of a sensor's network namespace: a TCP port on its loopback that leads to a unix socket, which every namespace sees.
// Arguments: PORT SOCKET.
import { connect, createServer } from 'node:net';

const [port, path] = process.argv.slice(2);

const server = createServer((asking) => {
  const answering = connect(path);
  asking.on('error', () => answering.destroy());
  answering.on('error', () => asking.destroy());
  asking.on('close', () => answering.destroy());
  answering.on('close', () => asking.destroy());
  asking.pipe(answering).pipe(asking);
});
server.listen(Number(port), '127.0.0.1', () => process.stdout.write('dialing\n'));
