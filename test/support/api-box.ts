/** A box's standard API on real sockets and a real store, without the rest of the agent; and a plain HTTP caller. */
import { mkdtemp, rm } from 'node:fs/promises';
import { type Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Clock, systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { version } from '#common/version.js';
import { apiVersion } from '#contract/api.js';
import type { Capability } from '#contract/capabilities.js';
import type { Sample } from '#contract/health.js';
import type { Refusal } from '#contract/problems.js';
import { type ApiLimits, createApi, type StandardApi } from '../../agent/api/api.js';
import type { Features, Tunnels } from '../../agent/api/features.js';
import { createGrants, type Grants } from '../../agent/consent/grants.js';
import { createLedger, type Ledger } from '../../agent/consent/ledger.js';
import { createStorage, type Storage } from '../../agent/storage/storage.js';
import { openStore } from '../../agent/store/store.js';

export interface ApiBox {
  api: StandardApi;
  grants: Grants;
  ledger: Ledger;
  /** The apps that said they were up. */
  ready: string[];
  directory: string;
  socket(app: string): string;
  setOnline(online: boolean): void;
  setLatest(sample: Sample | null): void;
  setFreeBytes(bytes: number): void;
  errors: unknown[];
  /** What was said when the storage was opened. */
  refusals: Refusal[];
  storage: Storage;
  stop(): Promise<void>;
}

export interface TestApp {
  id: string;
  grants: Capability[];
  quotaBytes: number;
}

export const allGrants: Capability[] = ['storage', 'health.read'];

export async function startApiBox(
  apps: TestApp[],
  options: {
    limits?: Partial<ApiLimits>;
    clock?: Clock;
    directory?: string;
    tunnels?: Tunnels;
    features?: Partial<Features>;
  } = {},
): Promise<ApiBox> {
  const { clock = systemClock, limits = {} } = options;
  const directory = options.directory ?? (await mkdtemp(path.join(tmpdir(), 'wz-')));
  const listeners = new Set<(online: boolean) => void>();
  const errors: unknown[] = [];
  const refusals: Refusal[] = [];
  let online = false;
  let latest: Sample | null = null;
  let freeBytes = 2 ** 40;

  const store = await openStore(path.join(directory, 'data'));
  const storage = await createStorage({
    ...{ store, files, clock, freeBytes: () => freeBytes },
    keysDirectory: path.join(directory, 'data', 'storage-keys'),
    onRefused: (refusal) => refusals.push(refusal),
  });
  const ledger = await createLedger({ store, clock });
  const grants = await createGrants({ store, ledger, clock, onRefused: (refusal) => errors.push(refusal) });
  const ready: string[] = [];
  const api = createApi({
    apps,
    grants,
    tunnels: options.tunnels,
    runtimeDir: path.join(directory, 'run'),
    clock,
    limits,
    log: { info: () => {}, warn: () => {}, error: (fault: unknown) => errors.push(fault) },
    connectivity: {
      online: () => online,
      subscribe(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    features: {
      box: () => ({ id: null, territory: null, online, agent: version, api: apiVersion, time: clock.now() }),
      health: { latest: () => latest },
      appView: () => ({ state: 'running', sandbox: 'none', restarts: 0 }),
      ready: (id) => ready.push(id),
      storage,
      ...options.features,
    },
  });
  async function stop(): Promise<void> {
    await api.stop();
    await grants.stop();
    await storage.stop();
    await store.close();
    if (!options.directory) await rm(directory, { recursive: true, force: true });
  }
  await api.start().catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  grants.start();
  return {
    api,
    grants,
    ledger,
    ready,
    directory,
    errors,
    refusals,
    storage,
    socket: (app) => api.socketOf(app),
    setOnline(now) {
      online = now;
      for (const listener of listeners) listener(now);
    },
    setLatest: (sample) => {
      latest = sample;
    },
    setFreeBytes: (bytes) => {
      freeBytes = bytes;
    },
    stop,
  };
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
  text: string;
  /** Of a JSON answer. */
  json: unknown;
  /** The code of a problem, else undefined. */
  code: string | undefined;
}

function parsedOr(text: string, otherwise: unknown): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return otherwise;
  }
}

export function call(
  socketPath: string,
  method: string,
  target: string,
  {
    headers = {},
    body,
    agent = false,
  }: { headers?: OutgoingHttpHeaders; body?: string | Buffer | undefined; agent?: Agent | false } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const message = request({ socketPath, method, path: target, headers, agent }, (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.once('error', reject);
      reply.once('end', () => {
        const bytes = Buffer.concat(chunks);
        const text = bytes.toString('utf8');
        const json = parsedOr(text, undefined);
        const code = typeof json === 'object' && json && 'code' in json ? String(json.code) : undefined;
        resolve({ status: reply.statusCode ?? 0, headers: reply.headers, bytes, text, json, code });
      });
    });
    message.once('error', reject);
    message.end(body);
  });
}
