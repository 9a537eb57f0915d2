/** The one Fastify application behind all the apps' sockets. It never listens itself: the sockets hand it requests. */
import fastify, { type FastifyInstance, type FastifySchemaCompiler, type FastifyServerOptions } from 'fastify';
import type { Logger } from 'pino';
import type { TSchema } from 'typebox';
import { answerProblems, sendRefusal, toRefusal } from '#common/http-problems.js';
import { maxBatchBytes, maxKeyBytes } from '#contract/api.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { type Callers, guardRoutes } from './access.js';
import type { EventStreams } from './events.js';
import type { Features } from './features.js';
import { boxRoutes } from './routes/box.js';
import { eventRoutes } from './routes/events.js';
import { leaseRoutes } from './routes/leases.js';
import { logRoutes } from './routes/logs.js';
import { messageRoutes } from './routes/messages.js';
import { meteringRoutes } from './routes/metering.js';
import { openapiRoutes } from './routes/openapi.js';
import { storageRoutes } from './routes/storage.js';
import { tellRoutes } from './routes/tell.js';
import type { Watches } from './watches.js';

export type Log = Pick<Logger, 'info' | 'warn' | 'error'>;

const decimal = /^\d{1,9}$/;

/** A query holds only text: where the schema wants an integer, digits are one. Bodies are never mended. */
function withIntegers(schema: TSchema, query: unknown): unknown {
  const { properties } = schema as { properties?: Record<string, { type?: string }> };
  return Object.fromEntries(
    Object.entries(query as Record<string, unknown>).map(([name, value]) => [
      name,
      properties?.[name]?.type === 'integer' && typeof value === 'string' && decimal.test(value)
        ? Number(value)
        : value,
    ]),
  );
}

const compileCheck: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  // Keys and conditions are judged by the storage; here their schemas only document them.
  if (httpPart === 'params' || httpPart === 'headers') return () => true;
  return (data: unknown) => {
    const parsed = check(schema, httpPart === 'querystring' ? withIntegers(schema, data) : data);
    if (parsed.ok) return { value: parsed.value };
    return { error: new Refusal('body-invalid', describeFaults(parsed.faults)) };
  };
};

/**
 * Outside data is checked by one engine everywhere, with every fault named; it coerces nothing and removes nothing. The
 * answers are ours and small: JSON.stringify serves them as fast. So neither Ajv nor a serialiser's compiler is loaded.
 */
const compilersFactory = {
  buildValidator: () => compileCheck,
  buildSerializer: () => () => JSON.stringify,
} as unknown as NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>;

export function createApplication({
  callers,
  events,
  watches,
  features,
  log,
  plugin = () => {},
}: {
  callers: Callers;
  events: EventStreams;
  watches: Watches;
  features: Features;
  log: Log;
  /** Sees every route: how the specification is made from them. */
  plugin?: (application: FastifyInstance) => void;
}): FastifyInstance {
  const application: FastifyInstance = fastify({
    bodyLimit: maxBatchBytes,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 3 * maxKeyBytes }, // each byte may come as %XX
    frameworkErrors: (error, request, reply) => {
      const isKey = error.code === 'FST_ERR_BAD_URL' && request.url.startsWith('/v1/storage/');
      sendRefusal(reply, isKey ? new Refusal('key-invalid', undefined, { cause: error }) : toRefusal(error));
    },
    schemaController: { compilersFactory },
  });
  application.removeContentTypeParser('text/plain');
  answerProblems(application, (refusal, reply) => {
    // Fastify would close after an oversize body, and the caller, still sending, would never read why. Node drains it.
    if (reply.hasHeader('connection')) reply.removeHeader('connection');
    if (refusal.status === 500)
      log.error({ err: refusal.cause ?? refusal }, 'cannot answer a request of the standard API');
  });
  guardRoutes(application, callers);
  plugin(application);
  application.register((routes, _options, done) => {
    boxRoutes(routes, { callers, features });
    storageRoutes(routes, { callers, storage: features.storage, watches });
    eventRoutes(routes, { callers, events });
    tellRoutes(routes, { callers, features });
    messageRoutes(routes, { callers, features });
    logRoutes(routes, { callers, features });
    leaseRoutes(routes, { callers, features });
    meteringRoutes(routes, { callers, features });
    openapiRoutes(routes);
    done();
  });
  return application;
}
