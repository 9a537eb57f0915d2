/**
 * An app that writes without pause, in the guest: `node load-child.js RUNTIME PORT`. It stores version after version under its
 * keys by the standard API, and says on PORT what was acknowledged, a line each. Beside it the agent is asked what it takes
 * for settled: how many entries the ledger has, which sample the provider has. Needs nothing but Node.
 */
import { createHash } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { fileURLToPath } from 'node:url';

const [lanes, keysOfLane] = [4, 5];
/** Small ones lie in the row; large ones apart. */
const sizes = [40, 400, 3000, 9000, 70_000];

/** What a key holds as its version: it tells which one it is. */
export function contentOf(key: string, version: number): Buffer {
  const size = sizes[(version * 7 + key.length + key.charCodeAt(key.length - 1)) % sizes.length] as number;
  const told = Buffer.from(`${key} ${version}\n`);
  const fill = createHash('sha256').update(told).digest();
  return Buffer.concat([told, Buffer.alloc(size, fill)]);
}

/** Undefined where it is none of ours, or not as it was written. */
export function versionIn(key: string, value: Buffer): number | undefined {
  const [name, version] = value.subarray(0, value.indexOf('\n')).toString('utf8').split(' ');
  return name === key && contentOf(key, Number(version)).equals(value) ? Number(version) : undefined;
}

export const keysOf = (lane: number): string[] => Array.from({ length: keysOfLane }, (_, n) => `lane-${lane}-${n}`);

function put(agent: Agent, socketPath: string, key: string, value: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': value.length };
    const options = { agent, socketPath, path: `/v1/storage/${key}`, method: 'PUT', headers };
    const asked = request(options, (reply) => {
      reply.resume().on('end', () => resolve(reply.statusCode ?? 0));
    });
    asked.on('error', reject);
    asked.end(value);
  });
}

function statusOf(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/status', method: 'POST' }, (reply) => {
      let text = '';
      reply.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      reply.once('end', () => resolve(text));
    });
    asked.once('error', reject).end();
  });
}

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2000));

async function run(runtimeDir: string, port: string): Promise<void> {
  const told = openSync(port, 'w');
  const say = (line: string): number => writeSync(told, `${line}\n`);
  const agent = new Agent({ keepAlive: true, maxSockets: lanes });
  const socketPath = `${runtimeDir}/apps/load/api.sock`;
  const lane = async (keys: string[]): Promise<void> => {
    for (let version = 1; ; version += 1)
      for (const key of keys) {
        const isStored = async () => (await put(agent, socketPath, key, contentOf(key, version))) < 300;
        while (!(await isStored().catch(() => false))) await pause(); // it may be starting again
        say(`stored ${key} ${version}`);
      }
  };
  const watch = async (): Promise<void> => {
    for (;;) {
      await pause();
      const text = await statusOf(`${runtimeDir}/admin.sock`).catch(() => undefined);
      if (text === undefined) continue;
      const { ledger, health, certificate } = JSON.parse(text);
      if (ledger) say(`ledger ${ledger.length}`);
      if (certificate) say('member');
      say(`sample ${health.acknowledged}`);
    }
  };
  await Promise.all([watch(), ...Array.from({ length: lanes }, (_, n) => lane(keysOf(n)))]);
}

const [, program, runtimeDir, port] = process.argv;
if (program === fileURLToPath(import.meta.url) && runtimeDir && port) await run(runtimeDir, port);
