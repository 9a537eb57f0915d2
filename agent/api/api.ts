/** The standard API: composes the application, the apps' sockets and their event streams. */
import type { Clock } from '#common/clock.js';
import { createCallers } from './access.js';
import { createApplication, type Log } from './application.js';
import { createEventStreams } from './events.js';
import type { ApiApp, Connectivity, Features } from './features.js';
import { createSockets, type SocketLimits, socketPath } from './sockets.js';

export interface ApiLimits extends SocketLimits {
  maxUnsentBytes: number;
  keepAliveMilliseconds: number;
}

export const defaultLimits: ApiLimits = {
  headersMilliseconds: 10_000,
  requestMilliseconds: 30_000,
  checkMilliseconds: 1000,
  maxConnections: 64,
  closeMilliseconds: 5000,
  maxUnsentBytes: 64 * 1024,
  keepAliveMilliseconds: 15_000,
};

export interface StandardApi {
  /** @throws Refusal `socket-path-too-long`; Error when a route names no capability */
  start(): Promise<void>;
  /** Tells every event stream that the box is stopping and ends it; to be called before the apps are stopped. */
  announceShutdown(): void;
  /** Answers what is under way, then closes. */
  stop(): Promise<void>;
  socketOf(app: string): string;
}

export function createApi({
  apps,
  runtimeDir,
  features,
  connectivity,
  clock,
  log,
  limits = {},
}: {
  apps: readonly ApiApp[];
  runtimeDir: string;
  features: Features;
  connectivity: Connectivity;
  clock: Clock;
  log: Log;
  limits?: Partial<ApiLimits>;
}): StandardApi {
  const all = { ...defaultLimits, ...limits };
  const callers = createCallers();
  const events = createEventStreams({ connectivity, clock, ...all });
  const application = createApplication({ callers, events, features, log });
  const sockets = createSockets({ apps, runtimeDir, limits: all });
  return {
    async start() {
      await application.ready();
      events.start();
      await sockets.start(application.routing, callers.connected);
    },
    announceShutdown: () => events.stop(),
    async stop() {
      events.stop();
      await sockets.stop();
      await application.close();
    },
    socketOf: (app) => socketPath(runtimeDir, app),
  };
}
