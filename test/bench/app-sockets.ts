/**
 * What an app has of its socket beside storage: attestations a second, against a bare server that signs the same bytes;
 * bytes a second through a tunnel to a server on loopback, against a bare CONNECT proxy.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import path from 'node:path';
import { Attestation } from '#contract/api.js';
import { check } from '#contract/parse.js';
import { call } from '../support/api-box.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import { load, rawRequest } from './load.js';
import { part, type Workshop } from './workshop.js';

const id = 'bench';
const piece = Buffer.alloc(64 * 1024, 'b');
const question = JSON.stringify({ audience: 'https://server.example', nonce: '0123456789abcdef' });

/** Sends so many bytes to whoever asks for them. */
async function openSource(bytes: number) {
  const server = createServer((socket) => {
    let left = bytes;
    const send = (): void => {
      while (left > 0) {
        left -= piece.length;
        if (!socket.write(piece)) return void socket.once('drain', send);
      }
      socket.end();
    };
    socket.on('error', () => {});
    socket.once('data', send);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

/** Bytes a second, from the request for the tunnel to the last byte. */
function throughput(socketPath: string, { port, bytes }: { port: number; bytes: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    let come = 0;
    let head: Buffer | undefined = Buffer.alloc(0);
    const target = `server.example:${port}`;
    const socket = connect(socketPath, () => socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`));
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      if (!head) {
        come += chunk.length;
        return;
      }
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      if (!head.toString('latin1').startsWith('HTTP/1.1 200 '))
        return void socket.destroy(new Error(`no tunnel: ${head.toString()}`));
      come += head.length - end - 4;
      head = undefined;
      socket.write('go');
    });
    socket.once('end', () => {
      const seconds = (performance.now() - began) / 1000;
      socket.destroy();
      if (come === bytes) resolve(come / seconds);
      else reject(new Error(`${come} of ${bytes} bytes came through the tunnel`));
    });
  });
}

export async function appSockets(workshop: Workshop, { short }: Conditions): Promise<Figure[]> {
  const rounds = short ? 3 : 9;
  const milliseconds = short ? 400 : 2000;
  const bytes = (short ? 512 : 4096) * piece.length;
  const source = await openSource(bytes);
  try {
    const ours = await workshop.serve([part('app-sockets'), id, String(source.port)]);
    const [socketPath = ''] = ours.said;
    const folder = await workshop.folder();
    const headers = { 'content-type': 'application/json' };
    const answer = await call(socketPath, 'POST', '/v1/identity/attestations', { headers, body: question });
    const attested = check(Attestation, answer.json);
    if (!attested.ok) throw new Error(`no attestation: ${answer.text}`);

    const signer = path.join(folder, 'sign.sock');
    const bareSigner = await workshop.serve([part('bare-sign'), signer, attested.value.token]);
    const requests = [rawRequest('POST', '/v1/identity/attestations', Buffer.from(question), headers['content-type'])];
    const asked = (at: string) => () => load({ socketPath: at, requests, milliseconds });
    await Promise.all([asked(socketPath)(), asked(signer)()]); // both warm before the first count
    const attest = await inTurns(rounds, asked(socketPath), asked(signer));
    await bareSigner.stop();

    const proxy = path.join(folder, 'connect.sock');
    const bareProxy = await workshop.serve([part('bare-connect'), proxy, String(source.port)]);
    const carried = (at: string) => () => throughput(at, { port: source.port, bytes });
    await carried(socketPath)();
    await carried(proxy)();
    const egress = await inTurns(rounds, carried(socketPath), carried(proxy));
    await Promise.all([ours.stop(), bareProxy.stop()]);
    return [figure('attest', 'attestations/s', attest), figure('egress', 'bytes/s', egress)];
  } finally {
    source.close();
  }
}
