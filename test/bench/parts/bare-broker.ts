/** The reference for ingest: a bare aedes with the provider's own TLS. Argument: the provider's directory. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { createServer } from 'node:tls';
import { Aedes } from 'aedes';

const [directory = ''] = process.argv.slice(2);
const text = (file: string) => readFile(path.join(directory, file), 'utf8');
const [root, issuing, server, key] = await Promise.all(
  ['ca/root.crt', 'ca/issuing.crt', 'tls/server.crt', 'tls/server.key'].map(text),
);
const aedes = new Aedes();
await aedes.listen();
const listening = createServer(
  {
    key: key!,
    cert: server! + issuing!,
    ca: [root!, issuing!],
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2',
  },
  (socket) => {
    socket.setNoDelay(true);
    aedes.handle(socket);
  },
).listen(0, '127.0.0.1', () => {
  const address = listening.address();
  console.log(typeof address === 'object' && address ? address.port : '');
  console.log('ready');
});
