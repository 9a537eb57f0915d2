/**
 * Who calls, and what they may. The socket that a request came in on is the app that sent it; each route names the
 * capability it needs beside its path, and a route that names none stops the agent at boot.
 *
 * Grants are looked up at each request, and a grant that is taken back cuts what still leans on it.
 */
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
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

/** Something under way that leans on a grant: a request, a stream, a tunnel. */
export interface Use {
  /** Whether what it leans on is still granted. */
  holds(): boolean;
  /** It does not end by itself soon: it is cut when its app's socket closes too. */
  lasting?: boolean;
  cut(): void;
}

/** The app behind a connection, as it stands at the moment of asking. */
export interface Caller extends ApiApp {
  grants(): readonly Capability[];
  allows(capability: Capability): boolean;
  /** Answers how to say that it has ended. */
  begin(use: Use): () => void;
}

export interface Callers {
  /** Called once for each connection that a socket takes. */
  connected(socket: Socket, caller: Caller): void;
  of(request: Pick<FastifyRequest, 'raw'>): Caller;
}

export function createCallers(): Callers {
  const callers = new WeakMap<Socket, Caller>();
  return {
    connected: (socket, caller) => void callers.set(socket, caller),
    of(request) {
      const caller = callers.get(request.raw.socket);
      if (!caller) throw new Error('a request came in on no app socket');
      return caller;
    },
  };
}

/** What an app may do, at the moment of asking. */
export type Granted = Pick<Caller, 'grants' | 'allows'>;

/** An app with what is under way for it. */
export interface OpenApp {
  readonly caller: Caller;
  resize(quotaBytes: number): void;
  /** Cuts what leans on a grant that is gone. */
  look(): void;
  cutLasting(): void;
}

export function openApp({ id, quotaBytes }: ApiApp, granted: Granted): OpenApp {
  const uses = new Set<Use>();
  let quota = quotaBytes;
  return {
    resize(quotaBytes) {
      quota = quotaBytes;
    },
    caller: {
      id,
      get quotaBytes() {
        return quota;
      },
      ...granted,
      begin(use) {
        uses.add(use);
        return () => void uses.delete(use);
      },
    },
    look() {
      for (const use of [...uses]) if (!use.holds()) use.cut();
    },
    cutLasting() {
      for (const use of [...uses]) if (use.lasting) use.cut();
    },
  };
}

/** An answer that has not begun says why; one that has cannot. Either way the connection is over. */
function cutRequest(reply: FastifyReply, capability: Capability): void {
  const { raw } = reply;
  if (raw.headersSent || raw.destroyed) return void raw.destroy();
  const refusal = new Refusal('grant-missing', capability);
  reply.hijack(); // whatever the handler still answers is not sent
  raw.writeHead(refusal.status, { 'content-type': 'application/problem+json', connection: 'close' });
  raw.end(JSON.stringify(refusal.problem));
}

/** Refuses before the body is read. To be called before any route is declared. */
export function guardRoutes(application: FastifyInstance, callers: Callers): void {
  application.addHook('onRoute', (route) => {
    const capability = route.config?.capability;
    if (capability === undefined) throw new Error(`${String(route.method)} ${route.url} names no capability`);
    if (capability === null) return;
    const others = [route.onRequest ?? []].flat();
    route.onRequest = [
      (request, reply, done) => {
        const caller = callers.of(request);
        if (!caller.allows(capability)) return done(new Refusal('grant-missing', capability));
        const end = caller.begin({
          holds: () => caller.allows(capability),
          cut() {
            end();
            cutRequest(reply, capability);
          },
        });
        reply.raw.once('close', end);
        done();
      },
      ...others,
    ];
  });
}
