/** Makes a Fastify application answer every refusal as problem details (RFC 9457) from the one table. */
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyError, FastifyInstance, FastifyReply } from 'fastify';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { isDiskFull } from './database.js';

const ofFastify: Record<string, ProblemCode> = {
  FST_ERR_CTP_INVALID_JSON_BODY: 'body-malformed',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'body-malformed',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'body-malformed',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'media-type-unsupported',
  FST_ERR_BAD_URL: 'request-malformed',
  FST_ERR_MAX_PARAM_LENGTH: 'key-invalid',
};

export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  const { code, validation, message, statusCode } = error as Partial<FastifyError>;
  if (validation) return new Refusal('body-invalid', message, { cause: error });
  const known = code === undefined ? undefined : ofFastify[code];
  if (known) return new Refusal(known, undefined, { cause: error });
  if (error instanceof SyntaxError && statusCode === 400)
    return new Refusal('body-malformed', undefined, { cause: error });
  if (isDiskFull(error)) return new Refusal('disk-full', undefined, { cause: error });
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return new Refusal('request-malformed', message, { cause: error });
  return new Refusal('internal', undefined, { cause: error });
}

export function sendRefusal(reply: FastifyReply, refusal: Refusal, status = refusal.status): FastifyReply {
  return reply
    .code(status)
    .headers(refusal.headers)
    .type('application/problem+json')
    .send(JSON.stringify({ ...refusal.problem, status }));
}

const special = /[.*+?^${}()|[\]\\]/g;

/** Of a route as Fastify writes it: `:name` is a segment with anything in it, `::` a colon. */
function patternOf(url: string): RegExp {
  const segments = url
    .split('/')
    .map((one) => (/^:[^:]/.test(one) ? '[^/]+' : one.replaceAll('::', ':').replace(special, '\\$&')));
  return new RegExp(`^${segments.join('/')}$`);
}

/** Answers what is told which methods a path takes, of the routes that are declared from now on. */
function methodsOf(app: FastifyInstance): (path: string) => string[] {
  const routes: { pattern: RegExp; methods: string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ pattern: patternOf(url), methods: [method].flat() });
  });
  return (path) => {
    const found = routes.flatMap(({ pattern, methods }) => (pattern.test(path) ? methods : []));
    return [...new Set(found)].sort();
  };
}

/**
 * To be called before any route is declared. Each refusal is also told to `onRefused`; `statusOf` is for clients who do not know every status. What is nobody's fault but ours goes to the log with its
 * cause.
 */
export function answerProblems(
  app: FastifyInstance,
  onRefused?: (refusal: Refusal, reply: FastifyReply) => void,
  statusOf = (refusal: Refusal, _reply: FastifyReply): number => refusal.status,
): void {
  app.setErrorHandler((error, request, reply) => {
    const refusal = toRefusal(error);
    if (refusal.status >= 500 && refusal.cause) request.log.error({ err: refusal.cause }, refusal.message);
    onRefused?.(refusal, reply);
    return sendRefusal(reply, refusal, statusOf(refusal, reply));
  });
  const methods = methodsOf(app);
  app.setNotFoundHandler(({ url, method }, reply) => {
    const allowed = methods(url.split('?', 1)[0] ?? '');
    if (allowed.length === 0 || allowed.includes(method)) return sendRefusal(reply, new Refusal('not-found'));
    // RFC 9110 section 15.5.6
    return sendRefusal(reply, new Refusal('method-not-allowed', undefined, { headers: { allow: allowed.join(', ') } }));
  });
}

/** For `server.on('clientError')`: what never became a request is refused in the same words. */
export function refuseRaw(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
  const code: ProblemCode =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? 'body-timeout'
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? 'headers-too-large'
        : 'request-malformed';
  refuseSocket(new Refusal(code), socket);
}

/** A whole answer on a bare socket; closes this side of it. */
export function refuseSocket(refusal: Refusal, socket: Duplex): void {
  const body = JSON.stringify(refusal.problem);
  const headers = Object.entries(refusal.headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? 'Refused'}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n${headers.join('')}Connection: close\r\n\r\n${body}`,
  );
}
