/** What an owner's phone in the same network does with the box, over https; the box has made its certificate itself. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { text } from 'node:stream/consumers';
import { type Static, type TSchema, Type } from 'typebox';
import { InstalledApp } from '#contract/installed.js';
import { check, describeFaults } from '#contract/parse.js';
import { setupPort } from './rig.js';

interface Wish {
  method?: string;
  body?: unknown;
  cookie?: string | undefined;
}

interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  text: string;
}

async function ask(host: string, path: string, { method = 'GET', body, cookie }: Wish = {}): Promise<Answer> {
  const sent = body === undefined ? '' : JSON.stringify(body);
  const headers = {
    host,
    ...(method === 'GET' ? {} : { origin: `https://${host}`, 'content-length': Buffer.byteLength(sent) }),
    ...(sent === '' ? {} : { 'content-type': 'application/json' }),
    ...(cookie === undefined ? {} : { cookie }),
  };
  const there = { host: '127.0.0.1', port: setupPort, path, method, headers, rejectUnauthorized: false, agent: false };
  const asked = request(there).end(sent);
  const [reply] = (await once(asked, 'response')) as [IncomingMessage];
  return { status: reply.statusCode ?? 0, headers: reply.headers, text: await text(reply) };
}

/** The name of its own, to which the one that every box has leads once it has it. */
async function nameOf(): Promise<string> {
  const { headers } = await ask('webizen.local', '/');
  return /^https:\/\/(webizen-[a-z0-9]+\.local)\/$/.exec(headers.location ?? '')?.[1] ?? 'webizen.local';
}

export async function setupPage(): Promise<boolean> {
  const { status, headers } = await ask(await nameOf(), '/');
  return status === 200 && /^text\/html/.test(headers['content-type'] ?? '');
}

const passphrase = 'tram lantern quartz pillow';

export interface Phone {
  /** @throws Error for what the box refuses, with what it says */
  send(method: string, path: string, body?: unknown): Promise<string>;
  read<T extends TSchema>(path: string, schema: T): Promise<Static<T>>;
  apps(): Promise<InstalledApp[]>;
  /** After the machine or the agent has started again: nobody stays signed in over that. */
  signIn(): Promise<void>;
}

function phoneOf(host: string): Phone & { cookie: string | undefined } {
  const phone = {
    cookie: undefined as string | undefined,
    async send(method: string, path: string, body?: unknown): Promise<string> {
      const answer = await ask(host, path, { method, body, cookie: phone.cookie });
      if (answer.status >= 300) throw new Error(`${method} ${path} was refused: ${answer.status} ${answer.text}`);
      phone.cookie = answer.headers['set-cookie']?.[0]?.split(';')[0] ?? phone.cookie;
      return answer.text;
    },
    async read<T extends TSchema>(path: string, schema: T): Promise<Static<T>> {
      const answer = check(schema, JSON.parse(await phone.send('GET', path)));
      if (!answer.ok) throw new Error(`cannot read ${path} of the box: ${describeFaults(answer.faults)}`);
      return answer.value;
    },
    apps: () => phone.read('/v1/apps', Type.Array(InstalledApp)),
    async signIn() {
      phone.cookie = undefined;
      await phone.send('POST', '/v1/session', { passphrase });
    },
  };
  return phone;
}

/** The owner's first minutes with a box that is enrolled already. @param setupCode as the label or the boot partition has it */
export async function becomeOwner(setupCode: string): Promise<Phone> {
  const phone = phoneOf(await nameOf());
  await phone.send('POST', '/v1/setup/session', { code: setupCode });
  await phone.send('POST', '/v1/setup/owner', { passphrase });
  await phone.send('POST', '/v1/recovery-code/saved');
  await phone.send('PUT', '/v1/jurisdiction', { jurisdiction: 'AU-NSW' });
  await phone.send('POST', '/v1/setup/done');
  return phone;
}
