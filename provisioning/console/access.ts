/**
 * Who may. Each route says `consoleAccess` beside its path; a route without it stops the program at boot.
 *
 * All but `open` need a secret (`Authorization: Bearer`) or a session's cookie, and the role that is named or one above. A
 * cookie comes along by itself, so with it the request must come from this console's own page; a header does not, and
 * needs no such check.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { cookieOf, isOwnHost, siteOf } from '#common/web/origin.js';
import type { Sessions } from '#common/web/sessions.js';
import { mayDo } from '#contract/may-do.js';
import type { Role } from '#contract/operators.js';
import { Refusal } from '#contract/problems.js';
import type { Operators } from '../operators/operators.js';
import type { SecretCheck } from './secret.js';
import { sessionLimits } from './session-limits.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    consoleAccess?: 'open' | Role;
  }
  interface FastifyRequest {
    /** As whom it came, once that is known. */
    caller: Caller | null;
  }
}

export interface Caller {
  name: string;
  role: Role;
  /** A session of the pages, or a secret in the header. */
  via: 'console' | 'api';
}

/** Of a route that is not open: who asks is known there. */
export function knownCaller({ caller }: Pick<FastifyRequest, 'caller'>): Caller {
  if (caller === null) throw new Refusal('unauthorized');
  return caller;
}

export interface Access {
  /** To be called before any route is declared. */
  guard(app: FastifyInstance): void;
  signIn(request: FastifyRequest, reply: FastifyReply, secret: string): void;
  signOut(request: FastifyRequest, reply: FastifyReply): void;
  /** Whether what let the request in still holds: an open stream asks now and then, and when told so. */
  stillAllowed(request: FastifyRequest): boolean;
  /** Told when the right of somebody has ended. Answers the way to end it. */
  onEnded(listener: () => void): () => void;
  /** Where it listens is known only once it does. Cookies do not tell ports apart, so the cookie's name must. */
  listensOn(host: string, port: number): void;
}

const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const headers = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
};

const needsSecret = { headers: { 'WWW-Authenticate': 'Bearer realm="operator"' } };

export function createAccess({
  operators,
  secrets,
  sessions,
  secure,
}: {
  operators: Pick<Operators, 'get' | 'find' | 'onEnded'>;
  secrets: SecretCheck;
  /** Each holds the name of its operator. */
  sessions: Sessions<string>;
  /** Whether it is served over TLS. */
  secure: boolean;
}): Access {
  const listening = { host: 'localhost', port: 0 };
  const cookieName = () => `${secure ? '__Host-' : ''}webizen-${listening.port}`;
  const cookie = (value: string, seconds: number) =>
    `${cookieName()}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
  const sessionOf = (request: FastifyRequest) => cookieOf(request.headers.cookie, cookieName());
  const bearerOf = (request: FastifyRequest) => /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];

  // The first to listen: whoever is told later finds the sessions closed.
  operators.onEnded((name) => sessions.closeAll((holds) => holds === name));

  function callerOf(request: FastifyRequest): Caller {
    const bearer = bearerOf(request);
    if (bearer !== undefined) {
      const { name, role } = secrets.check(bearer, request.ip);
      return { name, role, via: 'api' };
    }
    const session = sessionOf(request);
    if (session === undefined) throw new Refusal('unauthorized', undefined, needsSecret);
    const site = siteOf(request.headers);
    const reads = request.method === 'GET' || request.method === 'HEAD';
    if (site === 'other' || (site === 'unknown' && !reads)) throw new Refusal('origin-refused');
    const operator = operators.get(sessions.use(session) ?? '');
    if (!operator) throw new Refusal('session-ended', undefined, needsSecret);
    return { name: operator.name, role: operator.role, via: 'console' };
  }

  return {
    guard(app) {
      app.addHook('onRoute', (route) => {
        if (!route.config?.consoleAccess) throw new Error(`cannot serve ${route.url}: it does not say who may`);
      });
      app.decorateRequest('caller', null);
      app.addHook('onRequest', async (request, reply) => {
        reply.headers(headers);
        if (!isOwnHost(request.headers, listening.host)) throw new Refusal('origin-refused', 'unexpected Host');
        const needs = request.routeOptions.config.consoleAccess ?? 'open'; // without: there is no such address
        if (needs === 'open') return;
        reply.header('cache-control', 'no-store');
        request.caller = callerOf(request);
        if (!mayDo(request.caller.role, needs))
          throw new Refusal('role-missing', `${needs} is needed, and ${request.caller.name} is ${request.caller.role}`);
      });
    },
    signIn(request, reply, secret) {
      if (siteOf(request.headers) === 'other') throw new Refusal('origin-refused');
      const { name, role } = secrets.check(secret, request.ip);
      request.caller = { name, role, via: 'console' };
      const before = sessionOf(request);
      if (before !== undefined) sessions.close(before); // a session is never carried over a sign-in
      reply.header('set-cookie', cookie(sessions.open(name), sessionLimits.absoluteMilliseconds / 1000));
    },
    signOut(request, reply) {
      const session = sessionOf(request);
      if (session !== undefined) sessions.close(session);
      reply.header('set-cookie', cookie('', 0));
    },
    stillAllowed(request) {
      const bearer = bearerOf(request);
      const session = sessionOf(request);
      const operator =
        bearer === undefined ? operators.get((session && sessions.use(session)) ?? '') : operators.find(bearer);
      const needs = request.routeOptions.config.consoleAccess;
      return operator !== undefined && needs !== undefined && (needs === 'open' || mayDo(operator.role, needs));
    },
    onEnded: operators.onEnded,
    listensOn(host, port) {
      listening.host = host;
      listening.port = port;
    },
  };
}
