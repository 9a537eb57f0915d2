/**
 * The reference for attestations: bare node:http on a unix socket that signs the same bytes with ES256 for each request.
 * Arguments: the socket, a token as the standard API answers it.
 */
import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:http';

const [socketPath = '', token = ''] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const signed = token.slice(0, token.lastIndexOf('.'));
const bytes = Buffer.from(signed);

createServer((request, reply) => {
  request.resume();
  request.once('end', () => {
    const signature = sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const body = JSON.stringify({ token: `${signed}.${signature.toString('base64url')}`, expiresAt: Date.now() });
    reply.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
    reply.end(body);
  });
}).listen(socketPath, () => console.log('ready'));
