/**
 * One unix socket for each app, all before the same application, opened and closed while the agent runs.
 *
 * `<runtimeDir>/apps` is 0700; in it each app has a directory (0755) with its socket (0666): in a container the directory
 * is mounted read-only, whatever the user namespace. The directory stays for as long as a container has it mounted, or that
 * one would never see the agent's next socket. These servers are not Fastify's, so limits and orderly closing are set here.
 */
import { chmod, mkdir, rm, rmdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { Socket } from 'node:net';
import path from 'node:path';
import type { Duplex } from 'node:stream';
import { checkSocketPath, clearSocket, isErrno } from '#common/files.js';
import { refuseRaw } from '#common/http-problems.js';
import { Refusal } from '#contract/problems.js';
import type { Caller } from './access.js';
import { type Gate, linger, refuseAndLinger } from './gate.js';

export interface SocketLimits {
  headersMilliseconds: number;
  requestMilliseconds: number;
  /** How often slow requests are looked for. */
  checkMilliseconds: number;
  /** Of one app, tunnels and event streams among them. */
  maxConnections: number;
  /** How long answers under way may take once the agent stops. */
  closeMilliseconds: number;
}

export const socketPath = (runtimeDir: string, id: string): string => path.join(runtimeDir, 'apps', id, 'api.sock');

function createAppServer(limits: SocketLimits, gate: Gate, caller: Caller, connected: (socket: Socket) => void) {
  const server = createServer(
    {
      headersTimeout: limits.headersMilliseconds,
      requestTimeout: limits.requestMilliseconds,
      connectionsCheckingInterval: limits.checkMilliseconds,
      keepAliveTimeout: 60_000,
      maxHeaderSize: 16_384,
      requireHostHeader: false, // the gate says so in the words of every refusal
    },
    gate.request(caller),
  );
  server.maxConnections = limits.maxConnections;
  server.on('connection', connected);
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    refuseRaw(error, socket);
    if (!socket.destroyed) linger(socket);
  });
  server.on('upgrade', (_request: unknown, socket: Duplex) => refuseAndLinger(new Refusal('upgrade-refused'), socket));
  server.on('connect', gate.connect(caller));
  return server;
}

function closeServer(server: Server, graceMilliseconds: number): Promise<void> {
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
  start(): Promise<void>;
  /** Answers the socket's directory. @throws Refusal `socket-path-too-long` */
  open(caller: Caller, connected: (socket: Socket) => void): Promise<string>;
  close(id: string): Promise<void>;
  /** Removes what is left of an app's closed socket, and its directory. */
  clear(id: string): Promise<void>;
  stop(): Promise<void>;
}

export function createSockets({
  runtimeDir,
  limits,
  gate,
}: {
  runtimeDir: string;
  limits: SocketLimits;
  gate: Gate;
}): Sockets {
  const servers = new Map<string, Server>();

  async function listen(server: Server, socket: string): Promise<void> {
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

  async function close(id: string): Promise<void> {
    const server = servers.get(id);
    servers.delete(id);
    if (server) await closeServer(server, limits.closeMilliseconds);
  }

  return {
    async start() {
      const parent = path.join(runtimeDir, 'apps');
      await mkdir(parent, { recursive: true });
      await chmod(parent, 0o700);
    },
    async open(caller, connected) {
      const socket = socketPath(runtimeDir, caller.id);
      checkSocketPath(socket);
      const server = createAppServer(limits, gate, caller, connected);
      await listen(server, socket);
      servers.set(caller.id, server);
      return path.dirname(socket);
    },
    close,
    async clear(id) {
      const socket = socketPath(runtimeDir, id);
      await rm(socket, { force: true });
      await rmdir(path.dirname(socket)).catch((error: unknown) => {
        if (!isErrno(error, 'ENOENT', 'ENOTEMPTY')) throw error; // what others put there is theirs
      });
    },
    async stop() {
      await Promise.all([...servers.keys()].map(close));
    },
  };
}
