/** The reference for a fleet: a bare TLS server with the provider's own certificate, which holds what connects. Argument: the provider's directory. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createServer } from 'node:tls';

const [directory = ''] = process.argv.slice(2);
const text = (file: string) => readFile(path.join(directory, file), 'utf8');
const [root, issuing, server, key] = await Promise.all(
  ['ca/root.crt', 'ca/issuing.crt', 'tls/server.crt', 'tls/server.key'].map(text),
);
const held = new Set<object>();
const listening = createServer(
  {
    ...{ key: key!, cert: server! + issuing!, ca: [root!, issuing!], minVersion: 'TLSv1.2' },
    ...{ requestCert: true, rejectUnauthorized: true },
  },
  (socket) => {
    held.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => held.delete(socket));
    socket.on('data', () => {});
  },
).listen(0, '127.0.0.1', () => {
  const address = listening.address();
  console.log(typeof address === 'object' && address ? address.port : '');
  console.log('ready');
});
