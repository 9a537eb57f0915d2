/**
 * Who may. Each route says `consoleAccess` beside its path; a route without it stops the program at boot.
 *
 * `operator` needs the secret (`Authorization: Bearer`) or a session's cookie. A cookie comes along by itself, so with
 * it the request must come from this console's own page; a header does not, and needs no such check.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { cookieOf, isOwnHost, siteOf } from '#common/web/origin.js';
import type { Sessions } from '#common/web/sessions.js';
import { Refusal } from '#contract/problems.js';
import type { SecretCheck } from './secret.js';
import { sessionLimits } from './session-limits.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    consoleAccess?: 'open' | 'operator';
  }
}

export interface Access {
  /** To be called before any route is declared. */
  guard(app: FastifyInstance): void;
  signIn(request: FastifyRequest, reply: FastifyReply, secret: string): void;
  signOut(request: FastifyRequest, reply: FastifyReply): void;
  /** Whether what let the request in still holds: an open stream asks now and then. */
  stillAllowed(request: FastifyRequest): boolean;
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
  secrets,
  sessions,
  secure,
}: {
  secrets: SecretCheck;
  sessions: Sessions<true>;
  /** Whether it is served over TLS. */
  secure: boolean;
}): Access {
  const listening = { host: 'localhost', port: 0 };
  const cookieName = () => `${secure ? '__Host-' : ''}webizen-${listening.port}`;
  const cookie = (value: string, seconds: number) =>
    `${cookieName()}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
  const sessionOf = (request: FastifyRequest) => cookieOf(request.headers.cookie, cookieName());
  const bearerOf = (request: FastifyRequest) => /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];

  function admit(request: FastifyRequest): void {
    const bearer = bearerOf(request);
    if (bearer !== undefined) {
      secrets.check(bearer, request.ip);
      return;
    }
    const session = sessionOf(request);
    if (session === undefined) throw new Refusal('unauthorized', undefined, needsSecret);
    const site = siteOf(request.headers);
    const reads = request.method === 'GET' || request.method === 'HEAD';
    if (site === 'other' || (site === 'unknown' && !reads)) throw new Refusal('origin-refused');
    if (!sessions.use(session)) throw new Refusal('session-ended', undefined, needsSecret);
  }

  return {
    guard(app) {
      app.addHook('onRoute', (route) => {
        if (!route.config?.consoleAccess) throw new Error(`cannot serve ${route.url}: it does not say who may`);
      });
      app.addHook('onRequest', async (request, reply) => {
        reply.headers(headers);
        if (!isOwnHost(request.headers, listening.host)) throw new Refusal('origin-refused', 'unexpected Host');
        if (request.routeOptions.config.consoleAccess !== 'operator') return;
        reply.header('cache-control', 'no-store');
        admit(request);
      });
    },
    signIn(request, reply, secret) {
      if (siteOf(request.headers) === 'other') throw new Refusal('origin-refused');
      secrets.check(secret, request.ip);
      const before = sessionOf(request);
      if (before !== undefined) sessions.close(before); // a session is never carried over a sign-in
      reply.header('set-cookie', cookie(sessions.open(true), sessionLimits.absoluteMilliseconds / 1000));
    },
    signOut(request, reply) {
      const session = sessionOf(request);
      if (session !== undefined) sessions.close(session);
      reply.header('set-cookie', cookie('', 0));
    },
    stillAllowed(request) {
      const session = sessionOf(request);
      return bearerOf(request) !== undefined || (session !== undefined && sessions.use(session) === true);
    },
    listensOn(host, port) {
      listening.host = host;
      listening.port = port;
    },
  };
}
