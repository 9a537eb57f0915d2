/** A whole provider on its own ports, in this process or as the built command, over a directory of its own. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pino } from 'pino';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { certificatesFromPem } from '#common/pki/pem.js';
import type { DirectoryTerritory } from '#contract/directory.js';
import type { BoxSummary, Claim, CreatedClaim, FleetEvent } from '#contract/operator.js';
import type { OutsideConfig } from '../../provisioning/brokers.js';
import type { createProvider, Provider } from '../../provisioning/provider.js';
import { ownFolder } from './folder.js';
import { providerOf } from './records.js';

export const command = (name: string): string => path.resolve('build/bin', `${name}.js`);

export interface Finished {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a built command to its end. */
export function runCommand(name: string, args: string[]): Finished {
  const { status, stdout, stderr } = spawnSync(process.execPath, [command(name), ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

/** The same for a command that asks a provider in this process, which must go on meanwhile. */
export function askCommand(name: string, args: string[]): Promise<Finished> {
  return new Promise((resolve) => {
    execFile(process.execPath, [command(name), ...args], { timeout: 60_000 }, (error, stdout, stderr) => {
      resolve({ status: error ? (typeof error.code === 'number' ? error.code : null) : 0, stdout, stderr });
    });
  });
}

async function bound(port: number): Promise<Server | undefined> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  return Promise.race([once(server, 'listening').then(() => server), once(server, 'error').then(() => undefined)]);
}

/** Three ports in a row that are free now: a provider that is started again must find its own. */
export async function freePortBase(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const base = 20_000 + Math.floor(Math.random() * 12_000);
    const servers = await Promise.all([bound(base), bound(base + 1), bound(base + 2)]);
    await Promise.all(servers.map((server) => server && new Promise((resolve) => server.close(resolve))));
    if (servers.every((server) => server !== undefined)) return base;
  }
  throw new Error('cannot find three free ports');
}

interface Teardown {
  teardown(work: () => unknown): void;
}

export interface TestProvider {
  directory: string;
  est: string;
  /** As `openssl x509 -fingerprint -sha256` gives it. */
  caSha256: string;
  /** What an alliance's directory says of it. */
  listing: DirectoryTerritory;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Of what runs in this process. */
  urls(): Provider['urls'];
  /** From its next start on. */
  useBroker(outside: OutsideConfig): void;
  /** As the built command; answers the process. */
  spawn(more?: string[]): Promise<ChildProcess>;
  claim(wish?: { lifetimeSeconds?: number }): Promise<CreatedClaim>;
  api<T>(path: string, options?: { method?: string; body?: unknown }): Promise<T>;
  boxes(): Promise<BoxSummary[]>;
  claims(): Promise<Claim[]>;
  /** The first event, past or to come, for which this holds. */
  happened(holds: (event: FleetEvent) => boolean): Promise<FleetEvent>;
  /** Box, once this holds. */
  until(holds: (box: BoxSummary) => boolean): Promise<BoxSummary>;
}

/** What a provider in this process is given beside its directory: ways of admission, accredited makers, a clock. */
export type ProviderWish = Partial<Parameters<typeof createProvider>[0] & Parameters<typeof createProvider>[1]>;

export async function testProvider(
  t: Teardown,
  options: {
    leafLifetime?: string;
    territory?: string;
    name?: string;
    jurisdiction?: string;
    law?: string;
    provider?: ProviderWish;
  } = {},
): Promise<TestProvider> {
  const folder = await ownFolder(t);
  const directory = path.join(folder, 'provider');
  const lifetime = options.leafLifetime ? ['--leaf-lifetime', options.leafLifetime] : [];
  const { territory = 'test', name = 'Test', jurisdiction = 'AU-NSW', law = 'New South Wales' } = options;
  const wish = ['--territory', territory, '--name', name, '--jurisdiction', jurisdiction, '--law', law];
  const made = runCommand('webizen-provider', ['init', '--dir', directory, ...wish, ...lifetime]);
  if (made.status !== 0) throw new Error(made.stderr);
  const portBase = await freePortBase();
  const [root] = certificatesFromPem(await readFile(path.join(directory, 'ca/root.crt'), 'utf8'));
  const secret = (await readFile(path.join(directory, 'operator.secret'), 'utf8')).trim();
  const origin = `http://127.0.0.1:${portBase + 2}`;
  const headers = { authorization: `Bearer ${secret}` };
  let running: Provider | undefined;
  let outside: OutsideConfig | undefined;

  async function api<T>(place: string, { method = 'GET', body }: { method?: string; body?: unknown } = {}): Promise<T> {
    const reply = await fetch(`${origin}${place}`, {
      method,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!reply.ok) throw new Error(`${place}: ${reply.status} ${await reply.text()}`);
    return (reply.status === 204 ? undefined : await reply.json()) as T;
  }

  async function happened(holds: (event: FleetEvent) => boolean): Promise<FleetEvent> {
    const reply = await fetch(`${origin}/v1/events`, { headers });
    if (!reply.body) throw new Error('the event stream has no body');
    const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const lines = (text + part.value).split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) {
        if (!line.startsWith('data:')) continue;
        const event = JSON.parse(line.slice(5)) as FleetEvent;
        if (!holds(event)) continue;
        await reader.cancel();
        return event;
      }
    }
    throw new Error('the event stream ended');
  }

  const provider: TestProvider = {
    directory,
    est: `https://127.0.0.1:${portBase}`,
    caSha256: root?.fingerprint256 ?? '',
    listing: {
      id: territory,
      name,
      jurisdiction,
      law,
      provider: options.name ? `${name} Pty Ltd` : 'Test Provider Pty Ltd',
      est: `https://127.0.0.1:${portBase}`,
      ca: [root?.raw.toString('base64') ?? ''],
      memberKeys: JSON.parse(await readFile(path.join(directory, 'members/keys.json'), 'utf8')),
      standing: 'accredited',
      validFrom: 0,
      validUntil: 4_000_000_000_000,
    },
    async start() {
      const log = pino({ level: 'silent' });
      const assetsDir = path.resolve('build/console');
      const config = { directory, host: '127.0.0.1', portBase, assetsDir, outside };
      const wish = options.provider ?? {};
      running = providerOf({ ...config, ...wish }, { files, clock: systemClock, log, ...wish });
      await running.start();
    },
    urls: () => running?.urls ?? { est: '', broker: '', console: '' },
    useBroker(wished) {
      outside = wished;
    },
    async stop() {
      await running?.stop();
      running = undefined;
    },
    async spawn(more = []) {
      const args = ['serve', '--dir', directory, '--host', '127.0.0.1', '--port-base', String(portBase), ...more];
      if (outside) args.push('--broker', outside.url, '--broker-protocol', String(outside.protocolVersion));
      if (outside?.helper) args.push('--broker-helper', outside.helper);
      const child = spawn(process.execPath, [command('webizen-provider'), ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      for await (const line of createInterface({ input: child.stdout })) if (line === 'ready') break;
      child.stdout.resume();
      return child;
    },
    claim: (wished = {}) => api('/v1/claims', { method: 'POST', body: wished }),
    api,
    boxes: () => api('/v1/boxes'),
    claims: () => api('/v1/claims'),
    happened,
    async until(holds) {
      for (;;) {
        const found = (await provider.boxes()).find(holds);
        if (found) return found;
        await happened((event) => Date.now() - event.at < 1000); // something has just changed
      }
    },
  };
  t.teardown(() => provider.stop());
  return provider;
}
