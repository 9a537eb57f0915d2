/** The operator's side of a provider: console, API and `/metrics` on one origin. */
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { Server as TlsServer } from 'node:tls';
import fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { Clock } from '#common/clock.js';
import { answerProblems, refuseRaw } from '#common/http-problems.js';
import { closeHttp, listen } from '#common/listen.js';
import { serveAssets } from '#common/web/assets.js';
import { isLoopback } from '#common/web/origin.js';
import { createSessions } from '#common/web/sessions.js';
import { Refusal } from '#contract/problems.js';
import type { Requests } from '../admission/requests.js';
import type { Claims } from '../claims/claims.js';
import type { EventLog } from '../fleet/events.js';
import type { Fleet } from '../fleet/fleet.js';
import type { Audit } from '../operators/audit.js';
import type { Operators } from '../operators/operators.js';
import { createAccess } from './access.js';
import { auditActs } from './acts.js';
import { createMetrics, type Gauge } from './metrics.js';
import { declareRoutes, type RouteParts, type Territory } from './routes.js';
import { type AccountFeature, declareAccountRoutes } from './routes-accounts.js';
import { type AgreementFeature, declareAgreementRoutes } from './routes-agreements.js';
import { type AlertDesk, declareAlertRoutes } from './routes-alerts.js';
import { type CaseFeature, declareCaseRoutes } from './routes-cases.js';
import type { CommandFeature } from './routes-commands.js';
import type { FleetRouteParts } from './routes-fleet.js';
import { declareOperatorRoutes } from './routes-operators.js';
import { createSecretCheck } from './secret.js';
import { sessionLimits } from './session-limits.js';
import { createEventStreams } from './stream.js';

export interface ConsoleParts extends Omit<FleetRouteParts, 'fleet'> {
  fleet: Fleet;
  claims: Claims;
  requests: Requests;
  events: EventLog;
  /** Who signs in, and what each of them does. */
  operators: Operators;
  audit: Audit;
  alerts: AlertDesk;
  terms: AgreementFeature & AccountFeature;
  cases: CaseFeature['cases'];
  territory: Territory;
  /** Where the built console lies: index.html, main.js, main.css. */
  assetsDir: string;
  clock: Clock;
  log: FastifyBaseLogger;
  /** PEM. Plain http is served on loopback only. */
  tls?: { key: string | Buffer; cert: string | Buffer };
  /** Without it nothing is asked of boxes. */
  commands: CommandFeature;
  /** Whether this process surely holds the territory's records. */
  isSure?: (() => boolean) | undefined;
  /** What else `/metrics` tells. */
  gauges?: () => Gauge[];
}

export interface Console {
  /** Answers the port. @throws Refusal `port-in-use`, `address-unavailable` */
  start(host: string, port: number): Promise<number>;
  stop(): Promise<void>;
  /** A new certificate, for connections from now on. */
  secure(tls: NonNullable<ConsoleParts['tls']>): void;
}

const limits = {
  requestTimeout: 10_000,
  headersTimeout: 10_000,
  connectionsCheckingInterval: 2000,
  keepAliveTimeout: 30_000,
  maxHeaderSize: 16_384,
};
/** The pages that the console's one document draws. */
const pages = [
  '/',
  '/boxes',
  '/boxes/:id',
  '/claims',
  '/requests',
  '/events',
  '/alerts',
  '/months',
  '/months/:month',
  '/cases',
  '/operators',
  '/audit',
];
const handshakeTimeout = 10_000;
const bodyLimit = 16 * 1024;

interface ApiParts extends RouteParts {
  operators: Operators;
  audit: Audit;
  alerts: AlertDesk;
  terms: AgreementFeature & AccountFeature;
  cases: CaseFeature['cases'];
  log: FastifyBaseLogger;
}

/** The operator's API alone, without the pages: what docs/spec/operator-openapi.json is made from. */
export function declareApi(app: FastifyInstance, parts: ApiParts): void {
  parts.access.guard(app);
  auditActs(app, parts);
  declareRoutes(app, parts);
  declareOperatorRoutes(app, parts);
  declareAlertRoutes(app, parts.alerts);
  declareAgreementRoutes(app, parts.terms);
  declareAccountRoutes(app, parts.terms, parts.log);
  declareCaseRoutes(app, parts);
}

export function createConsole(parts: ConsoleParts): Console {
  const { fleet, table, abouts, filters, claims, requests, events, operators, audit } = parts;
  const { territory, assetsDir, clock, log, tls } = parts;
  const secrets = createSecretCheck({ find: operators.find, clock, events });
  const access = createAccess({
    operators,
    secrets,
    sessions: createSessions({ clock, limits: sessionLimits }),
    secure: tls !== undefined,
  });
  const streams = createEventStreams({ events, clock });
  access.onEnded(streams.recheck);
  const metrics = createMetrics({
    ...{ table, claims, requests, events, clock },
    territory: territory.id,
    gauges: parts.gauges,
  });
  let running: FastifyInstance | undefined;

  async function build(): Promise<FastifyInstance> {
    const app = fastify({
      loggerInstance: log,
      logController: new LogController({ disableRequestLogging: true }),
      bodyLimit,
      exposeHeadRoutes: false,
      clientErrorHandler: (error, socket) => refuseRaw(error, socket),
      serverFactory: (handler) =>
        tls ? createHttps({ ...limits, ...tls, handshakeTimeout }, handler) : createHttp(limits, handler),
    });
    app.removeContentTypeParser('text/plain'); // what a form of another site may send without asking first
    answerProblems(app);
    const { alerts, terms, cases, commands } = parts;
    declareApi(app, {
      ...{ fleet, table, abouts, filters, claims, requests, streams, metrics, access, territory, clock },
      ...{ operators, audit, alerts, terms, cases, commands, log },
    });
    // For what spreads the load: a process that stands by answers 503 to everything (standby-door.ts).
    app.get('/health', { config: { consoleAccess: 'open' } }, (_request, reply) => {
      if (parts.isSure?.() === false) throw new Refusal('database-unreachable');
      return reply.header('cache-control', 'no-store').send({ state: 'serving' });
    });
    await serveAssets(app, { directory: assetsDir, pages, config: { consoleAccess: 'open' } });
    await app.ready();
    return app;
  }

  return {
    secure(now) {
      if (tls && running?.server instanceof TlsServer) running.server.setSecureContext(now);
    },
    async start(host, port) {
      if (!tls && !isLoopback(host)) throw new Error(`cannot serve the console on ${host} without TLS`);
      running = await build();
      access.listensOn(host, port);
      const bound = await listen(running.server, host, port);
      access.listensOn(host, bound);
      metrics.start();
      return bound;
    },
    async stop() {
      const app = running;
      running = undefined;
      if (!app) return;
      metrics.stop();
      streams.stop();
      // Fastify closes only a server that it opened itself.
      await Promise.all([closeHttp(app.server), app.close()]);
    },
  };
}
