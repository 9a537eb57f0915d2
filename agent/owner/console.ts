/** The owner's console: pages, API and event stream on the local network, over http and, where offered, https. */
import { randomBytes } from 'node:crypto';
import { createServer as createHttp, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import path from 'node:path';
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { answerProblems, refuseRaw } from '#common/http-problems.js';
import { closeHttp, listen } from '#common/listen.js';
import { serveAssets } from '#common/web/assets.js';
import { createSessions } from '#common/web/sessions.js';
import { createAccess, type Names, sessionLimits } from './access.js';
import { declareAppRoutes } from './app-routes.js';
import { declareBackupRoutes } from './backup-routes.js';
import { createBodyDeadlines } from './body-deadlines.js';
import { compilersFactory } from './compilers.js';
import { createDoors } from './doors.js';
import type { OwnerFeatures } from './features.js';
import { declareLinkRoutes } from './link-routes.js';
import { createLocalCa } from './local-ca.js';
import { createLocalNames, lentName, linksOfMachine, mdnsPort, type NetworkLink } from './mdns.js';
import { declareMonthRoutes } from './month-routes.js';
import { declareNetworkRoutes } from './network-routes.js';
import { declareNoticeRoutes } from './notice-routes.js';
import { declareProviderRoutes } from './provider-routes.js';
import { declareRoutes } from './routes.js';
import { declareSafeRoutes } from './safe-routes.js';
import { openSettings } from './settings.js';
import { createViewStreams } from './stream.js';
import { declareSystemRoutes } from './system-routes.js';
import { declareTermsRoutes } from './terms-routes.js';
import { createTries } from './tries.js';
import type { UploadLimits } from './upload.js';
import { type ViewParts, viewOf } from './view.js';
import { declareVolumeRoutes } from './volume-routes.js';

export interface OwnerConsoleParts extends OwnerFeatures {
  /** The console keeps its few files in `console/` below. */
  dataDir: string;
  /** The boot partition, which whoever holds the card can write. */
  bootDir?: string;
  /** Where the built pages lie: index.html, main.js, main.css. */
  assetsDir: string;
  files: Files;
  /** What the box takes for the time. */
  clock: Pick<Clock, 'now'>;
  /** Never jumps: sessions and turns outlast the moment when the box learns what year it is. */
  ticks: Clock;
  log: FastifyBaseLogger;
  host: string;
  port: number;
  /** Without it https is not offered. */
  httpsPort?: number;
  /** False: the box is not announced. */
  mdns?: false | { port?: number; links?: () => NetworkLink[] };
  limits?: Partial<typeof limits>;
  upload?: Partial<UploadLimits>;
}

export interface OwnerConsole {
  /** Answers the port. @throws Refusal `port-in-use`, `address-unavailable` */
  start(): Promise<number>;
  stop(): Promise<void>;
  /** `http://webizen-7k3f.local`, and the port where it is not 80. */
  address(): string;
  httpsPort(): number | undefined;
}

const limits = {
  requestTimeout: 10_000,
  headersTimeout: 10_000,
  connectionsCheckingInterval: 2000,
  keepAliveTimeout: 30_000,
  maxHeaderSize: 16_384,
};
const bodyLimit = 16 * 1024;
const mostConnections = 128;
const handshakeTimeout = 10_000;
/** The certificate is looked at once a day, and made again in good time. */
const daily = 24 * 3_600_000;

/** The addresses that the one document draws. */
const pages = [
  '/',
  '/health',
  '/history',
  '/network',
  '/notices',
  '/settings',
  '/provider',
  '/system',
  '/storage',
  '/backup',
  '/restore',
  '/move',
  '/leave',
  '/forgotten',
  '/secure',
  '/passphrase',
  '/recovery-code',
];
const appPages = [
  '/apps',
  '/apps/get',
  '/apps/:id',
  '/apps/:id/logs',
  '/apps/:id/remove',
  '/apps/:id/succession',
  '/install/:release',
  '/changes/:change',
  '/changes/:change/:app',
];
const monthPages = ['/months', '/months/:box/:month'];
const linkPages = ['/companies', '/companies/:link', '/companies/:link/manager'];

const withPort = (scheme: 'http' | 'https', host: string, port: number): string =>
  `${scheme}://${host}${port === (scheme === 'http' ? 80 : 443) ? '' : `:${port}`}`;

interface Running {
  app: FastifyInstance;
  servers: Server[];
  stop: (() => Promise<unknown> | unknown)[];
}

export function createOwnerConsole(parts: OwnerConsoleParts): OwnerConsole {
  const { factory, owner, ledger, membership, changes, files, clock, ticks, log, host } = parts;
  const directory = path.join(parts.dataDir, 'console');
  const localCa = createLocalCa({ directory, files, clock });
  const label = `${factory.name()}.local`;
  const ports = { http: parts.port, https: parts.httpsPort ?? 0 };
  const { requestTimeout, ...ofServers } = { ...limits, ...parts.limits };
  const deadlines = createBodyDeadlines(requestTimeout);
  /** Node's own is one for all requests: see body-deadlines.ts. */
  const serverLimits = { ...ofServers, requestTimeout: 0 };
  let running: Running | undefined;
  let httpsReady = false;
  let appsVersion = 0;
  let noticesVersion = 0;
  let providerVersion = 0;
  let systemVersion = 0;
  let monthsVersion = 0;
  let networkVersion = 0;
  const run = randomBytes(8).toString('hex');
  let viewsMade = 0;

  const localNames =
    parts.mdns === false
      ? undefined
      : createLocalNames({
          label: factory.name(),
          isOwned: () => owner.isSet(),
          links: parts.mdns?.links ?? linksOfMachine,
          port: parts.mdns?.port ?? mdnsPort,
          clock: ticks,
          random: Math.random,
          onProblem: (error) => log.warn({ err: error }, 'cannot announce the box on the local network'),
        });

  function names(): Names {
    const found = localNames?.names() ?? [];
    const lasting = found.find((name) => name !== lentName) ?? label;
    const all = [...new Set([label, lasting, ...(owner.isSet() ? [] : [lentName])])];
    return { all, lasting, isFound: found.includes(lasting) };
  }
  const httpsAddress = (): string | null => (httpsReady ? withPort('https', label, ports.https) : null);
  const httpAddress = (): string => withPort('http', names().lasting, ports.http);

  async function build(stop: Running['stop']): Promise<FastifyInstance> {
    const settings = await openSettings({ directory, files });
    const tries = createTries({ clock: ticks, random: Math.random });
    const view: ViewParts = {
      features: parts,
      settings,
      clock,
      https() {
        const address = httpsAddress();
        const fingerprint = localCa.fingerprint();
        return address === null || fingerprint === undefined ? null : { address, fingerprint };
      },
      appsVersion: () => appsVersion,
      noticesVersion: () => noticesVersion,
      providerVersion: () => providerVersion,
      systemVersion: () => systemVersion,
      networkVersion: () => networkVersion,
      monthsVersion: () => monthsVersion,
      made: () => ({ run, count: ++viewsMade }),
    };
    const streams = createViewStreams({ view: () => viewOf(view), clock: ticks });
    const access = createAccess({
      sessions: createSessions({ clock: ticks, limits: sessionLimits }),
      names,
      httpsOnly: () => settings.now().httpsOnly && httpsReady,
      portal: parts.network,
      ports: () => ports,
    });
    const doors = createDoors({ factory, owner, ledger, tries, files, bootDir: parts.bootDir });
    const app = fastify({
      loggerInstance: log,
      logController: new LogController({ disableRequestLogging: true }),
      bodyLimit,
      exposeHeadRoutes: false,
      clientErrorHandler: (error, socket) => refuseRaw(error, socket),
      schemaController: { compilersFactory },
      serverFactory(handler) {
        const server = createHttp(serverLimits, handler);
        server.prependListener('request', deadlines.watch);
        return server;
      },
    });
    app.removeContentTypeParser('text/plain'); // what a form of another site may send without asking first
    answerProblems(app);
    access.guard(app);
    declareRoutes(app, {
      features: parts,
      settings,
      access,
      doors,
      streams,
      localCa,
      view,
      addresses: () => ({ http: httpAddress(), https: httpsAddress() }),
      onOwned: () => localNames?.refresh(),
    });
    declareNoticeRoutes(app, parts);
    if (parts.network) declareNetworkRoutes(app, { network: parts.network, access });
    if (parts.provider) declareProviderRoutes(app, { provider: parts.provider, access });
    if (parts.system) declareSystemRoutes(app, { system: parts.system, access });
    if (parts.safe) declareSafeRoutes(app, { safe: parts.safe });
    if (parts.volume) declareVolumeRoutes(app, { volume: parts.volume, access });
    if (parts.backup) declareBackupRoutes(app, { backup: parts.backup, access, deadlines });
    if (parts.apps) {
      const { apps, grants, logs, data, upload } = parts;
      declareAppRoutes(app, { apps, grants, logs, data, ledger, access, streams, deadlines, clock, upload });
    }
    if (parts.links) declareLinkRoutes(app, { links: parts.links, access });
    if (parts.terms) declareTermsRoutes(app, { terms: parts.terms, metering: parts.metering, access });
    if (parts.months) declareMonthRoutes(app, { months: parts.months });
    const served = [
      ...pages,
      ...(parts.apps ? appPages : []),
      ...(parts.links ? linkPages : []),
      ...(parts.months ? monthPages : []),
    ];
    await serveAssets(app, { directory: parts.assetsDir, pages: served, config: { ownerAccess: 'page' } });
    await app.ready();
    const tell = (): void => streams.tell();
    stop.push(membership.onChange(tell), changes.on(tell), ledger.onAppend(tell));
    stop.push(parts.link.subscribe(tell), parts.time.subscribe(tell), parts.conditions.subscribe(tell));
    if (parts.links) stop.push(parts.links.onChange(tell));
    if (parts.volume) stop.push(parts.volume.onChange(tell));
    if (parts.backup) stop.push(parts.backup.onChange(tell));
    stop.push(
      parts.notices.onChange(() => {
        noticesVersion += 1;
        streams.tell();
      }),
    );
    stop.push(
      parts.provider?.onChange(() => {
        providerVersion += 1;
        streams.tell();
      }) ?? (() => {}),
    );
    stop.push(
      parts.system?.onChange(() => {
        systemVersion += 1;
        streams.tell();
      }) ?? (() => {}),
    );
    stop.push(
      parts.network?.onChange(() => {
        networkVersion += 1;
        streams.tell();
      }) ?? (() => {}),
    );
    stop.push(
      parts.months?.onChange(() => {
        monthsVersion += 1;
        streams.tell();
      }) ?? (() => {}),
    );
    const tellApps = (): void => {
      appsVersion += 1;
      streams.tell();
    };
    for (const room of [parts.apps, parts.grants]) if (room) stop.push(room.onChange(tellApps));
    stop.push(() => tries.stop());
    stop.push(() => streams.stop());
    return app;
  }

  /** The same application behind a second listener; its certificate is replaced while it runs. */
  async function offerHttps({ app, servers, stop }: Running, port: number): Promise<void> {
    const ending = new AbortController();
    const server = createHttps(
      { ...serverLimits, ...(await localCa.credentials(label)), handshakeTimeout, minVersion: 'TLSv1.2' },
      (request, reply) => app.routing(request, reply),
    );
    server.prependListener('request', deadlines.watch);
    server.on('clientError', (error, socket) => refuseRaw(error, socket));
    server.maxConnections = mostConnections;
    ports.https = await listen(server, host, port);
    servers.push(server);
    httpsReady = true;
    const keepFresh = async (): Promise<void> => {
      while (!ending.signal.aborted) {
        await ticks.sleep(daily, ending.signal);
        if (!ending.signal.aborted) server.setSecureContext(await localCa.credentials(label));
      }
    };
    const fresh = keepFresh().catch((error: unknown) =>
      log.error({ err: error }, 'cannot renew the certificate of https'),
    );
    stop.push(async () => {
      ending.abort();
      await fresh;
    });
  }

  async function halt({ app, servers, stop }: Running): Promise<void> {
    httpsReady = false;
    for (const undo of stop.reverse()) await undo();
    await Promise.all([...servers.map(closeHttp), app.close()]);
  }

  return {
    async start() {
      const stop: Running['stop'] = [];
      const app = await build(stop);
      const begun: Running = { app, servers: [], stop };
      running = begun;
      try {
        app.server.maxConnections = mostConnections;
        ports.http = await listen(app.server, host, parts.port);
        begun.servers.push(app.server as Server);
        if (parts.httpsPort !== undefined) await offerHttps(begun, parts.httpsPort);
        localNames?.start();
        return ports.http;
      } catch (error) {
        running = undefined;
        await halt(begun);
        throw error;
      }
    },
    async stop() {
      const ended = running;
      running = undefined;
      await localNames?.stop();
      if (ended) await halt(ended);
    },
    address: httpAddress,
    httpsPort: () => (httpsReady ? ports.https : undefined),
  };
}
