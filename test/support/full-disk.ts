/** An agent on a disk that fills up: `node full-disk.js DIRECTORY`. Prints what each call of its app was answered. */
import { rm, statfs, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import path from 'node:path';
import { pino } from 'pino';
import { createAgent } from '../../agent/agent.js';
import { socketPath } from '../../agent/api/sockets.js';
import { parseConfig } from '../../agent/config.js';
import { realHost } from '../../agent/host/host.js';

const directory = process.argv[2] ?? '';
const runtimeDir = path.join(directory, 'run');
const config = parseConfig(
  JSON.stringify({
    dataDir: path.join(directory, 'data'),
    runtimeDir,
    territory: { est: 'https://127.0.0.1:9', caSha256: 'ab'.repeat(32) },
    apps: [{ id: 'app', command: ['/bin/sleep', '600'], grants: ['storage'], quotaBytes: 1024 * 1024 }],
  }),
);

function call(method: string, key: string, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        socketPath: socketPath(runtimeDir, 'app'),
        path: `/v1/storage/${key}`,
        method,
        headers: body === undefined ? {} : { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body) },
      },
      (reply) => {
        let text = '';
        reply.setEncoding('utf8').on('data', (part: string) => {
          text += part;
        });
        reply.once('end', () => {
          const code = reply.headers['content-type']?.includes('problem')
            ? (JSON.parse(text) as { code: string }).code
            : text;
          resolve(`${reply.statusCode} ${code}`.trim());
        });
      },
    );
    asked.once('error', reject);
    asked.end(body);
  });
}

const say = (what: string, answer: string) => console.log(`${what}: ${answer}`);
const start = async () => {
  const agent = createAgent(config, realHost, { log: pino({ level: 'silent' }) });
  await agent.start();
  return agent;
};

let agent = await start();
say('put with room', await call('PUT', 'a', 'kept'));
const { bavail, bsize } = await statfs(directory);
const filler = path.join(directory, 'filler');
await writeFile(filler, Buffer.alloc(bavail * bsize - 256 * 1024));
say('put when full', await call('PUT', 'b', 'refused'));
say('get when full', await call('GET', 'a'));
await rm(filler);
say('put with room again', await call('PUT', 'b', 'taken'));
await agent.stop();
agent = await start();
say('get after a restart', await call('GET', 'a'));
await agent.stop();
