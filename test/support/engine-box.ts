/** What an agent has of the real parts when it installs apps: podman, told of each request to it, and sockets. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { systemClock } from '#common/clock.js';
import { clearSocket, files } from '#common/files.js';
import { version } from '#common/version.js';
import { apiVersion } from '#contract/api.js';
import { createApi } from '../../agent/api/api.js';
import { createPodmanRunner } from '../../agent/apps/runtime/podman-runner.js';
import type { Runner } from '../../agent/apps/runtime/runner.js';
import type { BoxWish } from './installing.js';

/** `POST /containers/webizen-x/start` is the same event whatever the id. */
const shapeOf = ({ method, url = '' }: IncomingMessage): string =>
  `${method} ${url
    .replace(/^\/v4\.0\.0\/libpod/, '')
    .replace(/\?.*/, '')
    .replace(/[0-9a-f]{64}/, '{id}')}`;

/** Stands before podman's socket and tells of each request before podman sees it, and of its answer before the agent does. */
export async function engineProxy(wish: {
  socketPath: string;
  engine: string;
  at: (name: string) => void;
}): Promise<() => Promise<void>> {
  const { socketPath, engine: upstream, at } = wish;
  async function pass(asked: IncomingMessage, reply: ServerResponse): Promise<void> {
    const name = shapeOf(asked);
    at(`before ${name}`);
    const { method, url, headers } = asked;
    const further = request({ socketPath: upstream, method, path: url, headers, agent: false });
    reply.once('close', () => further.destroy());
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      further.once('response', resolve).once('error', reject);
    });
    pipeline(asked, further).catch(() => {});
    const answer = await answered;
    at(`answered ${name}`);
    reply.writeHead(answer.statusCode ?? 500, answer.headers).flushHeaders();
    await pipeline(answer, reply);
  }
  // An engine that is gone answers nobody: neither does this.
  const server = createServer((asked, reply) => void pass(asked, reply).catch(() => reply.destroy()));
  await clearSocket(socketPath);
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  return () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
}

/** With podman's containers, kept by the runtime as an agent keeps them. */
export function engineRunner({ folder, socketPath }: { folder: string; socketPath: string }): Runner {
  return createPodmanRunner({
    socketPath,
    stateDirectory: path.join(folder, 'run', 'runtime'),
    files,
    clock: systemClock,
    log: { info: () => {}, warn: () => {} },
    graceSeconds: 2,
  });
}

export const realApi =
  (folder: string): NonNullable<BoxWish['api']> =>
  async ({ grants, storage, clock }) => {
    const api = createApi({
      apps: [],
      grants,
      runtimeDir: path.join(folder, 'run'),
      clock,
      log: { info: () => {}, warn: () => {}, error: () => {} },
      connectivity: { online: () => false, subscribe: () => () => {} },
      features: {
        box: () => ({ id: null, territory: null, online: false, agent: version, api: apiVersion, time: clock.now() }),
        health: { latest: () => null },
        appView: () => ({ state: 'running', sandbox: 'podman', restarts: 0 }),
        ready: () => {},
        storage,
      },
    });
    await api.start();
    return {
      sockets: { open: (app) => api.open(app), close: (id) => api.forget(id) },
      stop: api.stop,
    };
  };
