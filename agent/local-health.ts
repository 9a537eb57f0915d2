/** Whether the box works as seen from itself: what a new system has to show before it is kept. Words go to the owner. */
import { request } from 'node:http';
import { callControl } from '#common/control.js';
import { socketPath } from './api/sockets.js';
import { adminSocket, type Config } from './config.js';
import type { Store } from './store/store.js';
import type { LocalHealth } from './updates/gate.js';

const timeoutMilliseconds = 10_000;
/** Addresses that are none to connect to. */
const everywhere = new Map([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '::1'],
]);

/** Resolves where it answers with a success. */
function answers(place: { socketPath: string } | { host: string; port: number }, path: string, signal: AbortSignal) {
  return new Promise<void>((resolve, reject) => {
    const asked = request({ ...place, path, signal, timeout: timeoutMilliseconds }, (reply) => {
      reply.resume();
      if (reply.statusCode === 200) resolve();
      else reject(new Error(`answered ${reply.statusCode}`));
    });
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.once('error', reject);
    asked.end();
  });
}

export function createLocalHealth(wish: {
  config: Config;
  store: Store;
  /** Of the owner's console. */
  consolePort: () => number | undefined;
  /** Ids of apps that run. */
  running: () => readonly string[];
  /** Of those that somebody has stopped: nothing is asked of them. */
  stopped: () => readonly string[];
  isOnline: () => boolean;
}): LocalHealth {
  const { config, store } = wish;
  const { runtimeDir } = config;
  return async (before, signal) => {
    const faults: string[] = [];
    const look = async (words: string, work: () => Promise<unknown>): Promise<void> => {
      await work().catch((error: unknown) => {
        faults.push(`${words} (${error instanceof Error ? error.message : String(error)})`);
      });
    };
    const running = wish.running();
    await look('the agent does not answer', () => callControl(adminSocket(runtimeDir), 'alive'));
    await look('the store takes nothing', async () => {
      const mark = store.db.sublevel<string, number>('osProbe', { valueEncoding: 'json' });
      await store.commit([{ type: 'put', sublevel: mark, key: 'looked', value: Date.now() }]);
    });
    for (const id of running.slice(0, 1))
      await look('the standard API does not answer', () =>
        answers({ socketPath: socketPath(runtimeDir, id) }, '/v1/box', signal),
      );
    const { owner } = config;
    if (owner)
      await look('the owner’s console does not answer', async () => {
        const port = wish.consolePort();
        if (port === undefined) throw new Error('it was not started');
        await answers({ host: everywhere.get(owner.host) ?? owner.host, port }, '/', signal);
      });
    const stopped = wish.stopped();
    const missing = before.apps.filter((id) => !running.includes(id) && !stopped.includes(id));
    if (missing.length > 0) faults.push(`apps that ran before do not run: ${missing.join(', ')}`);
    if (before.isOnline && !wish.isOnline()) faults.push('the provider was reached before, and is not now');
    return faults;
  };
}
