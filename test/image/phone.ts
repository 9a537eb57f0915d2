/** What a phone in the same network does with the box; the box has made its certificate itself. */
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { setupPort } from './rig.js';

const asPhone = (name: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: setupPort, headers: { host: name }, rejectUnauthorized: false };
    get(options, (reply) => resolve(reply.resume())).on('error', reject);
  });

/** By the name that every box has, from which it leads to the one of its own once it has that. */
export async function setupPage(): Promise<boolean> {
  const first = await asPhone('webizen.local');
  const own = /^https:\/\/(webizen-[a-z0-9]+\.local)\/$/.exec(first.headers.location ?? '')?.[1];
  const page = own === undefined ? first : await asPhone(own);
  return page.statusCode === 200 && /^text\/html/.test(page.headers['content-type'] ?? '');
}
