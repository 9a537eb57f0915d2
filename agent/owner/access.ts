/**
 * Who may. Each route says `ownerAccess` beside its path; a route without it stops the agent at boot.
 *
 * open: anybody on the network; setup: who proved the label's code; owner: who signed in; holder: the latter, or the
 * former while there is no owner. A cookie comes along by itself,
 * so a request that changes something must come from this console's own page. A session made over https is never taken
 * over http, nor the other way round: a cookie that once crossed the network in the clear must not open what is encrypted.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { cookieOf, hostName, siteOf } from '#common/web/origin.js';
import type { SessionLimits, Sessions } from '#common/web/sessions.js';
import { Refusal } from '#contract/problems.js';
import type { OwnerSigner } from '../consent/ledger.js';
import { isOurHost, sendHostPage } from './hosts.js';
import { createPortal, type PortalParts } from './portal.js';

export type Holds = { secure: boolean } & ({ kind: 'setup' } | { kind: 'owner'; signer: OwnerSigner });

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `page`: a file of the pages themselves, served also where the owner wants https only. */
    ownerAccess?: 'page' | 'open' | 'setup' | 'owner' | 'holder';
  }
}

export interface Access {
  /** To be called before any route is declared. */
  guard(app: FastifyInstance): void;
  /** A new session with a new id; the one before ends. */
  enter(
    request: FastifyRequest,
    reply: FastifyReply,
    who: { kind: 'setup' } | { kind: 'owner'; signer: OwnerSigner },
  ): void;
  leave(request: FastifyRequest, reply: FastifyReply): void;
  who(request: FastifyRequest): Holds | undefined;
  /** Whether what let the request in still holds, without counting as use of it: an open page is not a person. */
  stillAllowed(request: FastifyRequest): boolean;
  /** The owner's key in this session. @throws Refusal `sign-in-needed` */
  signerOf(request: FastifyRequest): OwnerSigner;
  endAll(ends: (holds: Holds) => boolean): void;
}

export interface Names {
  all: readonly string[];
  /** The one that it keeps, `webizen-7k3f.local`. */
  lasting: string;
  /** Whether the lasting one is known to be found on this network. */
  isFound: boolean;
}

export interface AccessParts {
  sessions: Sessions<Holds>;
  /** Names that this box goes by now. */
  names: () => Names;
  httpsOnly: () => boolean;
  /** Of the box's own Wi-Fi network. */
  portal?: PortalParts | undefined;
  /** Cookies do not tell ports apart, so the cookie's name must. */
  ports: () => { http: number; https: number };
}

/** Half an hour away; a long day. */
export const sessionLimits: SessionLimits = {
  idleMilliseconds: 30 * 60_000,
  absoluteMilliseconds: 12 * 3_600_000,
  most: 100,
};

const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:", // an app's icon stands in its signed manifest
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

// No Strict-Transport-Security: plain http stays a way in, and a name that ends in .local is never pinned.
const headers = {
  'content-security-policy': contentSecurityPolicy,
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
};

export const isSecure = ({ raw }: FastifyRequest): boolean =>
  'encrypted' in raw.socket && raw.socket.encrypted === true;
const reads = ({ method }: FastifyRequest): boolean => method === 'GET' || method === 'HEAD';

export function createAccess({ sessions, names, httpsOnly, portal, ports }: AccessParts): Access {
  const leadToPortal = createPortal(portal, () => ports().http);
  const cookieName = (secure: boolean) => (secure ? `__Host-webizen-${ports().https}` : `webizen-${ports().http}`);
  const cookie = (secure: boolean, value: string, seconds: number) =>
    `${cookieName(secure)}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;
  const idOf = (request: FastifyRequest) => cookieOf(request.headers.cookie, cookieName(isSecure(request)));

  function who(request: FastifyRequest): Holds | undefined {
    const id = idOf(request);
    const holds = id === undefined ? undefined : sessions.use(id);
    return holds?.secure === isSecure(request) ? holds : undefined;
  }

  /** Over plain http a browser says no Sec-Fetch-Site, but always an Origin with what may change something. */
  function checkOrigin(request: FastifyRequest): void {
    const site = siteOf(request.headers);
    if (site === 'other' || (site === 'unknown' && !reads(request))) throw new Refusal('origin-refused');
  }

  function checkSession(request: FastifyRequest, wanted: 'setup' | 'owner' | 'holder'): void {
    const holds = who(request);
    if (holds && (wanted === 'holder' || holds.kind === wanted)) return;
    if (wanted === 'setup') throw new Refusal('setup-session-missing');
    throw new Refusal(idOf(request) === undefined ? 'sign-in-needed' : 'session-ended');
  }

  return {
    guard(app) {
      app.addHook('onRoute', (route) => {
        if (!route.config?.ownerAccess) throw new Error(`cannot serve ${route.url}: it does not say who may`);
      });
      app.addHook('onRequest', async (request, reply) => {
        reply.headers(headers);
        if (leadToPortal(request, reply)) return reply;
        const { all, lasting, isFound } = names();
        const secure = isSecure(request);
        if (!isOurHost(request.headers.host, request.raw.socket.localAddress, all)) {
          const refusal = new Refusal('host-refused');
          if (sendHostPage(request, reply, refusal, `http://${lasting}`)) return reply;
          throw refusal;
        }
        const access = request.routeOptions.config.ownerAccess;
        // The name of an unowned box is lent: whoever comes by it goes on by the one that stays, before a cookie is set.
        if (access === 'page' && request.url === '/' && hostName(request.headers.host ?? '') === 'webizen.local') {
          const port = /:\d+$/.exec(request.headers.host ?? '')?.[0] ?? '';
          if (isFound)
            return reply
              .header('cache-control', 'no-store')
              .redirect(`${secure ? 'https' : 'http'}://${lasting}${port}/`, 307);
        }
        if (access === undefined || access === 'page') return;
        reply.header('cache-control', 'no-store');
        checkOrigin(request);
        if (access === 'open' && reads(request)) return;
        if (httpsOnly() && !secure) throw new Refusal('https-required');
        if (access !== 'open') checkSession(request, access);
      });
    },
    enter(request, reply, holds) {
      const secure = isSecure(request);
      const before = idOf(request);
      if (before !== undefined) sessions.close(before); // never carried over a sign-in: an id from before is worth nothing
      reply.header(
        'set-cookie',
        cookie(secure, sessions.open({ ...holds, secure }), sessionLimits.absoluteMilliseconds / 1000),
      );
    },
    leave(request, reply) {
      const id = idOf(request);
      if (id !== undefined) sessions.close(id);
      reply.header('set-cookie', cookie(isSecure(request), '', 0));
    },
    who,
    stillAllowed(request) {
      const id = idOf(request);
      return id !== undefined && sessions.lives(id) && (isSecure(request) || !httpsOnly());
    },
    signerOf(request) {
      const holds = who(request);
      if (holds?.kind !== 'owner') throw new Refusal('sign-in-needed');
      return holds.signer;
    },
    endAll: (ends) => sessions.closeAll(ends),
  };
}
