/**
 * Who calls, and what they may. The socket that a request came in on is the app that sent it; each route names the
 * capability it needs beside its path, and a route that names none stops the agent at boot.
 */
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Capability } from '#contract/capabilities.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import type { ApiApp } from './features.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the owner must have granted; null: open to every app. */
    capability?: Capability | null;
    /** What the published specification says of the route beside its schemas. */
    operationId?: string;
    problems?: readonly ProblemCode[];
    /** Of a body or an answer that is not JSON. */
    bodyType?: string;
    answerType?: string;
  }
  interface FastifySchema {
    summary?: string;
  }
}

export interface Callers {
  /** Called once for each connection that a socket takes. */
  connected(socket: Socket, app: ApiApp): void;
  of(request: FastifyRequest): ApiApp;
}

export function createCallers(): Callers {
  const apps = new WeakMap<Socket, ApiApp>();
  return {
    connected: (socket, app) => void apps.set(socket, app),
    of(request) {
      const app = apps.get(request.raw.socket);
      if (!app) throw new Error('a request came in on no app socket');
      return app;
    },
  };
}

/** Refuses before the body is read. To be called before any route is declared. */
export function guardRoutes(application: FastifyInstance, callers: Callers): void {
  application.addHook('onRoute', (route) => {
    const capability = route.config?.capability;
    if (capability === undefined) throw new Error(`${String(route.method)} ${route.url} names no capability`);
    if (capability === null) return;
    const others = [route.onRequest ?? []].flat();
    route.onRequest = [
      (request, _reply, done) => {
        if (callers.of(request).grants.includes(capability)) done();
        else done(new Refusal('grant-missing', capability));
      },
      ...others,
    ];
  });
}
