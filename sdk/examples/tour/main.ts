/**
 * The same small tour of the standard API as main.py and main.sh beside it: a compare-and-set, a notification, a page of
 * a server outside, an event. It asks for storage, notify and network.egress:api.example.com:8080.
 */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { connect, WebizenError } from '../../client/client.js';

const box = connect();

async function count(): Promise<number> {
  for (;;) {
    const stored = await box.storage.get('tours');
    const next = (stored ? Number(stored.text()) : 0) + 1;
    try {
      await box.storage.put('tours', String(next), stored ? { ifMatch: stored.etag } : { ifNoneMatch: '*' });
      return next;
    } catch (error) {
      if (!(error instanceof WebizenError) || error.code !== 'precondition-failed') throw error;
    }
  }
}

async function page(host: string, port: number): Promise<string> {
  const socket = await box.egress.connect(host, port);
  return new Promise((resolve, reject) => {
    const asked = request({ host, port, path: '/', createConnection: () => socket }, (reply) =>
      text(reply).then(resolve, reject),
    );
    asked.on('error', reject).end();
  });
}

console.log(`tours: ${await count()}`);
await box.notify({ title: 'A tour', text: 'The tour has been round.', severity: 'info' });
console.log('told the owner');
console.log(`page: ${(await page('api.example.com', 8080)).trim()}`);
for await (const { type } of box.events()) {
  console.log(`event: ${type}`);
  break;
}
box.close();
