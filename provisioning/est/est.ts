/**
 * Enrolment over Secure Transport (RFC 7030, clarified by RFC 8951), and what an enrolled box asks beside it.
 *
 * Who may `simpleenroll` is for admission to say, by claim code, factory identity, voucher or an operator; at
 * `simplereenroll` and below `/v1` it is the box's own certificate.
 */
import type { X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { Clock } from '#common/clock.js';
import { answerProblems, sendRefusal } from '#common/http-problems.js';
import type { Csr } from '#common/pki/csr.js';
import { encodeBody } from '#common/pki/pem.js';
import { buildCertsOnly } from '#common/pki/pkcs7.js';
import { sourceOf } from '#common/source.js';
import { isBoxId } from '#contract/box-id.js';
import { directoryMediaType, directoryPath, directoryTag } from '#contract/directory.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import type { Admission } from '../admission/admission.js';
import type { ServerTls } from '../ca/server-certificate.js';
import { createAttempts } from './attempts.js';
import { type BoxRouteParts, declareBoxRoutes } from './box-routes.js';
import { certificateOf, chainOf, codeOf, csrOf, tlsOf, voucherOf } from './credentials.js';
import { csrAttributes } from './csrattrs.js';
import { createLimits, type Limits } from './limits.js';
import { createEstServer } from './server.js';

export interface Est {
  /** Answers the port. @throws Refusal `port-in-use`, `address-unavailable` */
  start(host: string, port: number): Promise<number>;
  stop(): Promise<void>;
  /** A new certificate, for connections from now on. */
  secure(tls: ServerTls): void;
}

export interface EstParts extends BoxRouteParts {
  tls: ServerTls;
  /** DER of the territory's authorities, issuing CAs first; asked each time, since a rollover adds to them. */
  cacerts: () => readonly Uint8Array[];
  admission: Admission;
  /** Whether a claim code can let somebody in: who shows nothing is then asked for one. */
  asksForCode: boolean;
  /** Routes of other rooms on this origin, such as members and catalogue. */
  more?: readonly ((app: FastifyInstance, limits: Limits) => void)[];
  boxes: BoxRouteParts['boxes'] & { renew(certificate: X509Certificate, csr: Csr): Promise<Buffer> };
  /** The alliance's directory as this territory holds it, for boxes and for whoever asks. */
  directory?: { jws(): string | undefined };
  events: { refused(code: ProblemCode, about: { box?: string | undefined; detail?: string | undefined }): void };
  clock: Clock;
  log: FastifyBaseLogger;
  /** Wrong codes a minute from one address. */
  mostWrongCodes?: number;
  /** Requests to enrol, a second from one address. */
  enrolmentsPerSecond?: number;
  /** Milliseconds for a request to arrive whole. */
  patience?: number;
}

const est = '/.well-known/est';
const bodyLimit = 64 * 1024;
const certsOnly = 'application/pkcs7-mime; smime-type=certs-only';
const usualEnrolmentsPerSecond = 20;
const wrongCodes = new Set<ProblemCode>(['claim-unknown', 'claim-malformed', 'claim-not-taken']);
/** Refusals before a box is recognised by its certificate. */
const ofStrangers = new Set<ProblemCode>(['certificate-missing', 'certificate-foreign', 'too-many-requests']);

const sendDer = (reply: FastifyReply, type: string, der: Uint8Array): FastifyReply =>
  reply.type(type).header('content-transfer-encoding', 'base64').send(encodeBody(der));

const isEst = ({ url }: FastifyRequest): boolean => url.startsWith(est);

export function createEst(parts: EstParts): Est {
  const { admission, boxes, events, clock, asksForCode } = parts;
  const attempts = createAttempts({ clock, ...(parts.mostWrongCodes && { most: parts.mostWrongCodes }) });
  const limits = createLimits({ clock, perSecond: parts.enrolmentsPerSecond ?? usualEnrolmentsPerSecond });
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
    if (request.routeOptions.url === `${est}/simpleenroll` || ofStrangers.has(refusal.code)) return undefined;
    const { socket } = request.raw;
    const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    const id = certificate?.subject.replace(/^CN=/, '');
    return isBoxId(id) ? id : undefined;
  }

  function refused(refusal: Refusal, reply: FastifyReply): void {
    const { request } = reply;
    const hasItsOwn = 'www-authenticate' in refusal.headers;
    if (!hasItsOwn && (refusal.status === 401 || (refusal.status === 403 && isEst(request))))
      reply.header('www-authenticate', challenge);
    if (wrongCodes.has(refusal.code)) attempts.failed(request.ip);
    // EST clients ask without credentials first, to be challenged: nothing was refused yet.
    if (refusal.code === 'claim-missing' && request.headers.authorization === undefined) return;
    const from = `from ${request.ip}`;
    events.refused(refusal.code, {
      box: boxOf(refusal, request),
      detail: refusal.detail === undefined ? from : `${refusal.detail}, ${from}`,
    });
  }
  // EST clients in the field know no 403.
  answerProblems(app, refused, ({ status }, { request }) => (status === 403 && isEst(request) ? 401 : status));
  app.addContentTypeParser('application/pkcs10', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));

  app.get(`${est}/cacerts`, (_request, reply) => sendDer(reply, certsOnly, buildCertsOnly(parts.cacerts())));
  app.get(`${est}/csrattrs`, (_request, reply) => sendDer(reply, 'application/csrattrs', attributes));

  app.post(
    `${est}/simpleenroll`,
    {
      // Before the body is read: a client that is only asking how to authenticate may send any.
      async onRequest(request) {
        attempts.check(request.ip);
        limits.stranger(sourceOf(request.ip));
        const showsNothing = codeOf(request) === undefined && !tlsOf(request).getPeerX509Certificate() && asksForCode;
        if (showsNothing) throw new Refusal('claim-missing');
      },
    },
    async (request, reply) => {
      const answer = await admission.apply({
        csr: csrOf(request),
        code: codeOf(request),
        chain: chainOf(request),
        voucher: voucherOf(request),
        address: request.ip,
      });
      if (Buffer.isBuffer(answer)) return sendDer(reply, certsOnly, buildCertsOnly([answer]));
      // RFC 7030 section 4.2.3
      return reply.code(202).header('retry-after', String(answer.retryAfter)).send('');
    },
  );

  app.post(`${est}/simplereenroll`, async (request, reply) => {
    const certificate = certificateOf(request);
    limits.box(certificate.fingerprint256);
    return sendDer(reply, certsOnly, buildCertsOnly([await boxes.renew(certificate, csrOf(request))]));
  });

  declareBoxRoutes(app, parts, limits);
  for (const declare of parts.more ?? []) declare(app, limits);

  app.get(directoryPath, (request, reply) => {
    const jws = parts.directory?.jws();
    // Anybody may ask, and that there is none is no event.
    if (jws === undefined) return sendRefusal(reply, new Refusal('directory-missing'));
    const tag = directoryTag(jws);
    reply.header('etag', tag);
    if (request.headers['if-none-match'] === tag) return reply.code(304).send();
    return reply.type(directoryMediaType).send(jws);
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
