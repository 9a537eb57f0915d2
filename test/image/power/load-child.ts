/**
 * An app that writes all the time, in the guest: `node load-child.js RUNTIME PORT`. It stores version after version under its
 * keys by the standard API, and says on PORT what was acknowledged, a line each. Beside it the agent is asked what it takes
 * for settled: how many entries the ledger has, which sample the provider has. Needs nothing but Node.
 */
import { createHash } from 'node:crypto';
import { openSync, writeSync } from 'node:fs';
import { Agent, type RequestOptions, request } from 'node:http';
import { fileURLToPath } from 'node:url';

const [lanes, keysOfLane] = [4, 5];
/** Milliseconds: what the box has to do beside gets its turn. */
const between = 400;
const missing = 404;
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

interface Answer {
  status: number;
  body: Buffer;
}

function ask(options: RequestOptions, body?: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request(options, (reply) => {
      const parts: Buffer[] = [];
      reply.on('data', (part: Buffer) => parts.push(part));
      reply.once('end', () => resolve({ status: reply.statusCode ?? 0, body: Buffer.concat(parts) }));
    });
    asked.once('error', reject).end(body);
  });
}

const pause = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Again until it is answered as it should be: the agent may be starting. */
async function answered(options: RequestOptions, body?: Buffer): Promise<Answer> {
  for (;;) {
    const answer = await ask(options, body).catch(() => undefined);
    if (answer && (answer.status < 300 || (answer.status === missing && body === undefined))) return answer;
    await pause(2000);
  }
}

async function run(runtimeDir: string, port: string): Promise<void> {
  const told = openSync(port, 'w');
  const say = (line: string): number => writeSync(told, `${line}\n`);
  const agent = new Agent({ keepAlive: true, maxSockets: lanes });
  const placeOf = (key: string) => ({
    agent,
    socketPath: `${runtimeDir}/apps/load/api.sock`,
    path: `/v1/storage/${key}`,
  });
  /** The machine may have been started again: it goes on from what is kept. */
  const heldOf = async (key: string): Promise<number> => {
    const { status, body } = await answered(placeOf(key));
    return status === missing ? 0 : (versionIn(key, body) ?? 0);
  };
  const lane = async (keys: string[]): Promise<void> => {
    let version = 0;
    for (const key of keys) version = Math.max(version, await heldOf(key));
    for (;;) {
      version += 1;
      for (const key of keys) {
        const value = contentOf(key, version);
        const headers = { 'content-type': 'application/octet-stream', 'content-length': value.length };
        await answered({ ...placeOf(key), method: 'PUT', headers }, value);
        say(`stored ${key} ${version}`);
        await pause(between);
      }
    }
  };
  const watch = async (): Promise<void> => {
    for (;;) {
      await pause(2000);
      const asked = { socketPath: `${runtimeDir}/admin.sock`, path: '/status', method: 'POST' };
      const answer = await ask(asked).catch(() => undefined);
      if (answer?.status !== 200) continue;
      const { ledger, health, certificate } = JSON.parse(answer.body.toString('utf8'));
      if (ledger) say(`ledger ${ledger.length}`);
      if (certificate) say('member');
      say(`sample ${health.acknowledged}`);
    }
  };
  await Promise.all([watch(), ...Array.from({ length: lanes }, (_, n) => lane(keysOf(n)))]);
}

const [, program, runtimeDir, port] = process.argv;
if (program === fileURLToPath(import.meta.url) && runtimeDir && port) await run(runtimeDir, port);
