/** An app that tries what it must not, from inside its container, and writes down in its storage what it met. */

export interface Probes {
  /** Asked for by CONNECT. */
  tunnels: readonly string[];
  /** Asked for as from a proxy. */
  absolute: readonly string[];
  /** Connected to without asking. */
  direct: readonly { host: string; port: number }[];
  /** Sockets of the box, by their place on it. */
  sockets: readonly string[];
  /** A tunnel that may be opened, and is held. */
  held: string;
  attest: { audience: string; nonce: string };
}

/** What it writes: what each probe met, in the probes' order. */
export interface Seen {
  id: string;
  tunnels: string[];
  absolute: string[];
  direct: string[];
  sockets: string[];
  /** What lies beside its own socket. */
  beside: string[];
  token: string;
}

/** `app/main.mjs` of an app made from the skeleton; `PROBES` in its environment says what to try. */
export const proberSource = `
import { request } from 'node:http';
import { connect as dial } from 'node:net';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { connect } from './webizen-client.mjs';

const socketPath = process.env.WEBIZEN_SOCKET;
const probes = JSON.parse(process.env.PROBES);
const box = connect();
process.once('SIGTERM', () => process.exit(0));
await box.ready();

const codeIn = async (stream, head = Buffer.alloc(0)) => {
  const chunks = [head];
  for await (const chunk of stream) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  try {
    return JSON.parse(text).code;
  } catch {
    return 'answered: ' + text;
  }
};

const tunnel = (authority) =>
  new Promise((resolve) => {
    request({ socketPath, method: 'CONNECT', path: authority, agent: false })
      .on('connect', (reply, socket, head) => {
        socket.on('error', () => {});
        if (reply.statusCode === 200) resolve({ code: 'open', socket });
        else resolve(codeIn(socket, head).then((code) => ({ code })));
      })
      .on('error', (error) => resolve({ code: error.code }))
      .end();
  });

const absolute = (url) =>
  new Promise((resolve) => {
    request({ socketPath, path: url, agent: false })
      .on('response', (reply) => resolve(codeIn(reply)))
      .on('error', (error) => resolve(error.code))
      .end();
  });

const direct = (where) =>
  new Promise((resolve) => {
    const socket = dial(where, () => resolve('open'));
    socket.on('error', (error) => resolve(error.code));
  });

const each = async (list, probe) => {
  const found = [];
  for (const one of list) found.push(await probe(one));
  return found;
};

const seen = {
  id: (await box.self()).id,
  tunnels: await each(probes.tunnels, async (one) => (await tunnel(one)).code),
  absolute: await each(probes.absolute, absolute),
  direct: await each(probes.direct, direct),
  sockets: await each(probes.sockets, (place) => direct({ path: place })),
  beside: await readdir(path.dirname(socketPath)),
  token: (await box.attest(probes.attest.audience, { nonce: probes.attest.nonce })).token,
};
await box.storage.put('seen', JSON.stringify(seen));

const { code, socket } = await tunnel(probes.held);
if (socket) {
  const over = new Promise((resolve) => socket.once('close', resolve));
  socket.once('data', (said) => void box.storage.put('held', said.toString()));
  socket.write('it goes through');
  await over;
  await box.storage.put('again', (await tunnel(probes.held)).code);
} else await box.storage.put('held', code);
setInterval(() => {}, 1000);
`;
