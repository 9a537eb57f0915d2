/** The standard API: composes the application, the apps' sockets and their event streams. */
import { performance } from 'node:perf_hooks';
import type { Clock } from '#common/clock.js';
import { checkSocketPath } from '#common/files.js';
import type { AppEvent } from '#contract/api.js';
import { Refusal } from '#contract/problems.js';
import { createCallers, type Granted, type OpenApp, openApp } from './access.js';
import { createApplication, type Log } from './application.js';
import { createEventStreams } from './events.js';
import type { ApiApp, Connectivity, Features, FixedApp, LiveGrants, Tunnels } from './features.js';
import { createGate } from './gate.js';
import { createShares, type ShareLimits } from './shares.js';
import { createSockets, type SocketLimits, socketPath } from './sockets.js';
import { createStreams, type StreamLimits } from './streams.js';
import { createWatches } from './watches.js';

export interface ApiLimits extends SocketLimits, ShareLimits, StreamLimits {}

export const defaultLimits: ApiLimits = {
  headersMilliseconds: 10_000,
  requestMilliseconds: 30_000,
  checkMilliseconds: 1000,
  maxConnections: 64,
  closeMilliseconds: 5000,
  requestsPerSecond: 2000,
  burst: 4000,
  maxUnsentBytes: 64 * 1024,
  maxStreams: 16,
  keepAliveMilliseconds: 15_000,
};

export interface StandardApi {
  /** @throws Refusal `socket-path-too-long`; Error when a route names no capability */
  start(): Promise<void>;
  /**
   * The socket of an app that the agent was not configured with; answers its directory. Opened twice it stays open,
   * with the quota that was said last. @throws Refusal `socket-path-too-long`, `unavailable` before the start
   */
  open(app: ApiApp): Promise<string>;
  /** Ends its streams and tunnels, answers what is under way, removes the socket; the directory stays. Harmless when none is open. */
  close(id: string): Promise<void>;
  /** As `close`, once no container has the directory mounted: it goes too, with what a killed agent left in it. */
  forget(id: string): Promise<void>;
  /** Tells the app's event streams; answers how many there are. */
  tell(app: string, event: AppEvent): number;
  /** Those whose sockets are open. */
  apps(): ApiApp[];
  /** Tells every event stream that the box is stopping and ends it; to be called before the apps are stopped. */
  announceShutdown(): void;
  /** Answers what is under way, then closes. */
  stop(): Promise<void>;
  socketOf(app: string): string;
}

const noGrants: LiveGrants = { of: () => [], allows: () => false, onChange: () => () => {} };

export function createApi({
  apps,
  runtimeDir,
  features,
  grants = noGrants,
  tunnels,
  connectivity,
  clock,
  log,
  limits = {},
}: {
  /** Of the configuration: their sockets are open for as long as the API runs. */
  apps: readonly FixedApp[];
  runtimeDir: string;
  features: Features;
  /** Of the apps that are opened later. */
  grants?: LiveGrants;
  /** Without them CONNECT is refused. */
  tunnels?: Tunnels | undefined;
  connectivity: Connectivity;
  clock: Clock;
  log: Log;
  limits?: Partial<ApiLimits>;
}): StandardApi {
  const all = { ...defaultLimits, ...limits };
  const callers = createCallers();
  const streams = createStreams({ clock, ...all });
  const events = createEventStreams({ streams, connectivity, standing: features.standing, clock });
  const watches = createWatches({ streams, storage: features.storage });
  const application = createApplication({ callers, events, watches, features, log });
  const shares = createShares({ monotonic: () => performance.now(), ...all });
  const gate = createGate({ route: (request, response) => application.routing(request, response), shares, tunnels });
  const sockets = createSockets({ runtimeDir, limits: all, gate });
  const opened = new Map<string, { app: OpenApp; directory: Promise<string> }>();
  const closing = new Map<string, Promise<void>>();
  let running = false;
  let unsubscribe: (() => void)[] = [];

  async function listen(app: OpenApp): Promise<string> {
    await closing.get(app.caller.id);
    return sockets.open(app.caller, (socket) => callers.connected(socket, app.caller));
  }

  async function open(app: ApiApp, granted: Granted): Promise<string> {
    const known = opened.get(app.id);
    known?.app.resize(app.quotaBytes);
    if (known) return known.directory;
    const fresh = openApp(app, granted);
    const directory = listen(fresh);
    const entry = { app: fresh, directory };
    opened.set(app.id, entry);
    return directory.catch((error: unknown) => {
      if (opened.get(app.id) === entry) opened.delete(app.id);
      throw error;
    });
  }

  async function shut(id: string, entry: { app: OpenApp; directory: Promise<string> }): Promise<void> {
    await entry.directory.catch(() => {});
    entry.app.cutLasting();
    streams.close(id);
    shares.forget(id);
    await sockets.close(id);
  }

  /** What is opened next waits for it. */
  function end(id: string, work: () => Promise<void>): Promise<void> {
    const mine = (closing.get(id) ?? Promise.resolve()).then(work).finally(() => {
      if (closing.get(id) === mine) closing.delete(id);
    });
    closing.set(id, mine);
    return mine;
  }

  function close(id: string): Promise<void> {
    const entry = opened.get(id);
    if (!entry) return closing.get(id) ?? Promise.resolve();
    opened.delete(id);
    return end(id, () => shut(id, entry));
  }

  function announceShutdown(): void {
    events.stop();
    streams.stop();
  }

  async function stop(): Promise<void> {
    running = false;
    for (const end of unsubscribe.splice(0)) end();
    announceShutdown();
    await Promise.all([...opened.keys()].map(close));
    await Promise.all(closing.values());
    await sockets.stop();
    await application.close();
  }

  return {
    async start() {
      await application.ready();
      streams.start();
      events.start();
      for (const app of apps) checkSocketPath(socketPath(runtimeDir, app.id));
      await sockets.start();
      const noMoreGrants = grants.onChange(({ app, given, taken }) => {
        const entry = opened.get(app);
        if (!entry) return;
        const now = [...entry.app.caller.grants()];
        events.tell(app, { type: 'grants', at: clock.now(), grants: now, given: [...given], taken: [...taken] });
        entry.app.look();
      });
      const noMoreNews = features.messages?.onNews(({ app, ...news }) => {
        if (opened.get(app)?.app.caller.allows('messages')) events.tell(app, news);
      });
      unsubscribe = [noMoreGrants, ...(noMoreNews ? [noMoreNews] : [])];
      running = true;
      try {
        for (const app of apps)
          await open(app, { grants: () => app.grants, allows: (capability) => app.grants.includes(capability) });
      } catch (error) {
        await stop();
        throw error;
      }
    },
    async open(app) {
      if (!running) throw new Refusal('unavailable');
      return open(app, {
        grants: () => grants.of(app.id).map(({ capability }) => capability),
        allows: (capability) => grants.allows(app.id, capability),
      });
    },
    close,
    async forget(id) {
      await Promise.all([close(id), end(id, () => sockets.clear(id))]);
    },
    announceShutdown,
    tell: events.tell,
    apps: () => [...opened.values()].map(({ app }) => app.caller),
    stop,
    socketOf: (app) => socketPath(runtimeDir, app),
  };
}
