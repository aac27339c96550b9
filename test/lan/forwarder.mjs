// Lets tests reach TCP ports inside a network namespace: for each there is a unix socket, which is a file, and files are the
// same in every network namespace. Arguments: DIRECTORY PORT...; the socket of port 80 is DIRECTORY/80.
import { connect, createServer } from 'node:net';
import { join } from 'node:path';

const [directory, ...ports] = process.argv.slice(2);

function forward(port) {
  const server = createServer((asking) => {
    const answering = connect(Number(port), '127.0.0.1');
    asking.on('error', () => answering.destroy());
    answering.on('error', () => asking.destroy());
    asking.pipe(answering).pipe(asking);
  });
  return new Promise((resolve) => server.listen(join(directory, port), resolve));
}

await Promise.all(ports.map(forward));
process.stdout.write('forwarding\n');
