/**
 * The reference for enrolment: a bare https server with the provider's own key, chain and TLS settings. It reads the body
 * and answers as many bytes. Arguments: the provider's directory, the size of the answer.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:https';
import path from 'node:path';

const [directory = '', size = '0'] = process.argv.slice(2);
const text = (file: string) => readFile(path.join(directory, file), 'utf8');
const [root, issuing, server, key] = await Promise.all(
  ['ca/root.crt', 'ca/issuing.crt', 'tls/server.crt', 'tls/server.key'].map(text),
);
const body = Buffer.alloc(Number(size), 'A');
const headers = {
  'Content-Type': 'application/pkcs7-mime; smime-type=certs-only',
  'Content-Transfer-Encoding': 'base64',
  'Content-Length': body.length,
};

const listening = createServer(
  {
    key: key!,
    cert: server! + issuing!,
    ca: [root!, issuing!],
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
  },
  (request, reply) => {
    request.on('data', () => {});
    request.once('end', () => {
      reply.writeHead(200, headers);
      reply.end(body);
    });
  },
).listen(0, '127.0.0.1', () => {
  const address = listening.address();
  console.log(typeof address === 'object' && address ? address.port : '');
  console.log('ready');
});
