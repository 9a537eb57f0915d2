/**
 * One unix socket for each app, all before the same application.
 *
 * `<runtimeDir>/apps` is 0700; in it each app has a directory (0755) with its socket (0666): in a container the directory
 * is mounted read-only, whatever the user namespace. The directory is never deleted, or a mounted one would never see the
 * agent's next socket. These servers are not Fastify's, so limits and orderly closing are set here.
 */
import { chmod, mkdir } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { Socket } from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { checkSocketPath, clearSocket } from '#common/files.js';
import { refuseRaw, refuseSocket } from '#common/http-problems.js';
import { Refusal } from '#contract/problems.js';
import type { ApiApp } from './features.js';

export interface SocketLimits {
  headersMilliseconds: number;
  requestMilliseconds: number;
  /** How often slow requests are looked for. */
  checkMilliseconds: number;
  maxConnections: number;
  /** How long answers under way may take once the agent stops. */
  closeMilliseconds: number;
}

export const socketPath = (runtimeDir: string, id: string): string => path.join(runtimeDir, 'apps', id, 'api.sock');

/** A refused peer gets this long to read why. */
const lingerMilliseconds = 1000;

function linger(socket: Duplex): void {
  const timer = setTimeout(() => socket.destroy(), lingerMilliseconds);
  socket.once('close', () => clearTimeout(timer));
  socket.on('error', () => {});
  socket.resume();
}

function createAppServer(limits: SocketLimits, handle: RequestListener, connected: (socket: Socket) => void): Server {
  const server = createServer(
    {
      headersTimeout: limits.headersMilliseconds,
      requestTimeout: limits.requestMilliseconds,
      connectionsCheckingInterval: limits.checkMilliseconds,
      keepAliveTimeout: 60_000,
      maxHeaderSize: 16_384,
    },
    handle,
  );
  server.maxConnections = limits.maxConnections;
  server.on('connection', connected);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    refuseRaw(error, socket);
    if (!socket.destroyed) linger(socket);
  });
  const refuseUpgrade = (_request: unknown, socket: Duplex) => {
    refuseSocket(new Refusal('upgrade-refused'), socket);
    linger(socket);
  };
  server.on('upgrade', refuseUpgrade);
  server.on('connect', refuseUpgrade);
  return server;
}

function close(server: Server, graceMilliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMilliseconds);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

export interface Sockets {
  /** @throws Refusal `socket-path-too-long` */
  start(handle: RequestListener, connected: (socket: Socket, app: ApiApp) => void): Promise<void>;
  stop(): Promise<void>;
}

export function createSockets({
  apps,
  runtimeDir,
  limits,
}: {
  apps: readonly ApiApp[];
  runtimeDir: string;
  limits: SocketLimits;
}): Sockets {
  let servers: Server[] = [];

  async function open(app: ApiApp, server: Server): Promise<void> {
    const socket = socketPath(runtimeDir, app.id);
    const directory = path.dirname(socket);
    await mkdir(directory, { recursive: true });
    await chmod(directory, 0o755); // mkdir's mode is subject to the umask
    await clearSocket(socket);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(socket, () => {
        server.off('error', reject);
        resolve();
      });
    });
    await chmod(socket, 0o666);
  }

  const stop = async (): Promise<void> => {
    const open = servers;
    servers = [];
    await Promise.all(open.map((server) => close(server, limits.closeMilliseconds)));
  };

  return {
    async start(handle, connected) {
      for (const app of apps) checkSocketPath(socketPath(runtimeDir, app.id));
      const parent = path.join(runtimeDir, 'apps');
      await mkdir(parent, { recursive: true });
      await chmod(parent, 0o700);
      try {
        for (const app of apps) {
          const server = createAppServer(limits, handle, (socket) => connected(socket, app));
          await open(app, server);
          servers.push(server);
        }
      } catch (error) {
        await stop();
        throw error;
      }
    },
    stop,
  };
}
