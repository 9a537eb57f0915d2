/**
 * Enrolment over Secure Transport (RFC 7030, clarified by RFC 8951), and the profile of an enrolled box.
 *
 * `simpleenroll` is let in by a claim code, `simplereenroll` and `/v1/profile` by the box's own certificate.
 */
import type { X509Certificate } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { TLSSocket } from 'node:tls';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Clock } from '#common/clock.js';
import { answerProblems } from '#common/http-problems.js';
import { decodeBody, encodeBody } from '#common/pki/pem.js';
import { buildCertsOnly } from '#common/pki/pkcs7.js';
import { isBoxId } from '#contract/box-id.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import type { Profile } from '#contract/profile.js';
import type { ServerTls } from '../ca/server-certificate.js';
import { createAttempts } from './attempts.js';
import { csrAttributes } from './csrattrs.js';
import { createEstServer } from './server.js';

export interface Est {
  /** Answers the port. @throws Refusal `port-in-use`, `address-unavailable` */
  start(host: string, port: number): Promise<number>;
  stop(): Promise<void>;
  /** A new certificate, for connections from now on. */
  secure(tls: ServerTls): void;
}

export interface EstParts {
  tls: ServerTls;
  /** DER of the territory's authorities, issuing CAs first; asked each time, since a rollover adds to them. */
  cacerts: () => readonly Uint8Array[];
  territory: Profile['territory'];
  /** The names in the server's certificate; the first stands in for a name that is not among them. */
  hosts: readonly string[];
  broker: { port(): number; maxPacketBytes: number; outside?: { url: string; protocolVersion: 4 | 5 } | undefined };
  claims: { redeem(code: string, request: Uint8Array): Promise<Buffer> };
  boxes: {
    admit(certificate: X509Certificate): Promise<string>;
    renew(certificate: X509Certificate, request: Uint8Array): Promise<Buffer>;
  };
  events: { refused(code: ProblemCode, about: { box?: string | undefined; detail?: string | undefined }): void };
  clock: Clock;
  log: FastifyBaseLogger;
  /** Wrong codes a minute from one address. */
  mostWrongCodes?: number;
  /** Milliseconds for a request to arrive whole. */
  patience?: number;
}

const est = '/.well-known/est';
const bodyLimit = 64 * 1024;
const certsOnly = 'application/pkcs7-mime; smime-type=certs-only';
const wrongCodes = new Set<ProblemCode>(['claim-unknown', 'claim-malformed']);

function codeOf(authorization: string): string {
  const [, credentials] = /^Basic ([A-Za-z0-9+/=]{1,400})$/i.exec(authorization) ?? [];
  const [, code] = /^claim:(.*)$/s.exec(Buffer.from(credentials ?? '', 'base64').toString('utf8')) ?? [];
  if (code === undefined) throw new Refusal('claim-missing');
  return code;
}

function certificateOf(request: FastifyRequest): X509Certificate {
  const { socket } = request.raw;
  const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  if (!certificate) throw new Refusal('certificate-missing');
  return certificate;
}

function requestOf(body: unknown): Buffer {
  const der = Buffer.isBuffer(body) ? decodeBody(body) : undefined;
  if (!der) throw new Refusal('csr-malformed', 'the body is not base64');
  return der;
}

const sendDer = (reply: FastifyReply, type: string, der: Uint8Array): FastifyReply =>
  reply.type(type).header('content-transfer-encoding', 'base64').send(encodeBody(der));

const bracketed = (host: string): string => (isIPv6(host) ? `[${host}]` : host);

export function createEst(parts: EstParts): Est {
  const { claims, boxes, events } = parts;
  const attempts = createAttempts({ clock: parts.clock, ...(parts.mostWrongCodes && { most: parts.mostWrongCodes }) });
  const attributes = csrAttributes();
  const challenge = `Basic realm="${parts.territory.id.replace(/[^\w.-]/g, '_')}"`;
  let listening: ReturnType<typeof createEstServer> | undefined;

  const app: FastifyInstance = Fastify({
    loggerInstance: parts.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit,
    serverFactory(handler) {
      listening = createEstServer(parts.tls, handler, parts.patience);
      return listening.server;
    },
  });

  /** A box is named in the events only when its certificate has been recognised. */
  function boxOf(refusal: Refusal, request: FastifyRequest): string | undefined {
    const byCertificate =
      request.routeOptions.url !== `${est}/simpleenroll` && !refusal.code.startsWith('certificate-f');
    const { socket } = request.raw;
    const certificate = byCertificate && socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    const id = certificate?.subject.replace(/^CN=/, '');
    return isBoxId(id) ? id : undefined;
  }

  answerProblems(app, (refusal, reply) => {
    const { request } = reply;
    if (refusal.status === 401) reply.header('www-authenticate', challenge);
    if (wrongCodes.has(refusal.code)) attempts.failed(request.ip);
    // EST clients ask without credentials first, to be challenged: nothing was refused yet.
    if (refusal.code === 'claim-missing' && request.headers.authorization === undefined) return;
    const from = `from ${request.ip}`;
    events.refused(refusal.code, {
      box: boxOf(refusal, request),
      detail: refusal.detail === undefined ? from : `${refusal.detail}, ${from}`,
    });
  });
  app.addContentTypeParser('application/pkcs10', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.get(`${est}/cacerts`, (_request, reply) => sendDer(reply, certsOnly, buildCertsOnly(parts.cacerts())));
  app.get(`${est}/csrattrs`, (_request, reply) => sendDer(reply, 'application/csrattrs', attributes));

  app.post(
    `${est}/simpleenroll`,
    {
      // Before the body is read: a client that is only asking how to authenticate may send any.
      async onRequest(request) {
        attempts.check(request.ip);
        codeOf(request.headers.authorization ?? '');
      },
    },
    async (request, reply) => {
      const code = codeOf(request.headers.authorization ?? '');
      const certificate = await claims.redeem(code, requestOf(request.body));
      return sendDer(reply, certsOnly, buildCertsOnly([certificate]));
    },
  );

  app.post(`${est}/simplereenroll`, async (request, reply) => {
    const certificate = await boxes.renew(certificateOf(request), requestOf(request.body));
    return sendDer(reply, certsOnly, buildCertsOnly([certificate]));
  });

  app.get('/v1/profile', async (request): Promise<Profile> => {
    const box = await boxes.admit(certificateOf(request));
    const asked = request.hostname.replace(/^\[|\]$/g, '');
    const host = parts.hosts.includes(asked) ? asked : (parts.hosts[0] ?? 'localhost');
    return {
      box,
      territory: parts.territory,
      broker: {
        url: parts.broker.outside?.url ?? `mqtts://${bracketed(host)}:${parts.broker.port()}`,
        protocolVersion: parts.broker.outside?.protocolVersion ?? 4,
        maxPacketBytes: parts.broker.maxPacketBytes,
      },
    };
  });

  return {
    async start(host, port) {
      await app.ready();
      if (!listening) throw new Error('cannot listen before there is a server');
      return listening.start(host, port);
    },
    secure: (tls) => listening?.secure(tls),
    async stop() {
      await listening?.stop();
      await app.close();
    },
  };
}
