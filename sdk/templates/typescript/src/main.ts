/** Counts its starts in the box's storage. The socket that WEBIZEN_SOCKET names is all an app has, and all it needs. */
import { createServer, type Server } from 'node:http';
import path from 'node:path';
import { connect, WebizenError } from './webizen/client.js';

const box = connect();
const stopped = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopped.abort());

/** Adds one to the stored count, unless somebody else did so meanwhile: then once more from the start. */
async function count(): Promise<number> {
  for (;;) {
    const stored = await box.storage.get('count');
    const next = (stored ? Number(stored.text()) : 0) + 1;
    try {
      await box.storage.put('count', String(next), stored ? { ifMatch: stored.etag } : { ifNoneMatch: '*' });
      return next;
    } catch (error) {
      if (!(error instanceof WebizenError) || error.code !== 'precondition-failed') throw error;
    }
  }
}

/** The box asks on this socket whether the app is well (webizen.json, "health"). */
async function answerHealth(folder: string): Promise<Server> {
  const server = createServer((request, reply) => void reply.writeHead(request.url === '/health' ? 204 : 404).end());
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(path.join(folder, 'health.sock'), resolve),
  );
  return server;
}

const health = process.env.WEBIZEN_RUN ? await answerHealth(process.env.WEBIZEN_RUN) : undefined;
console.log(`started ${await count()} times`);
for await (const event of box.events({ signal: stopped.signal })) console.log(`event: ${event.type}`);
health?.close();
box.close();
console.log('stopped');
