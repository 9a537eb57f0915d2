/**
 * TLS whose server is judged by our own path validation, with the time passed in, before a byte of ours goes out.
 *
 * Node's own judgement is switched off (`rejectUnauthorized: false`) and never asked: it knows only the system's clock.
 * A client's certificate is shown within the handshake, before there is anything to judge; it is public, and what it
 * signs is bound to that handshake.
 */
import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { type Moment, type PathFault, type TrustedPath, validatePath } from './pki/path.js';

/** Whom a server has to come from: roots, and CAs that may stand between, which it need not show. */
export interface Trust {
  anchors: readonly X509Certificate[];
  below?: readonly X509Certificate[];
}

export interface ClientIdentity {
  /** PEM. */
  keyPem: string;
  /** PEM, leaf first. */
  chain: string;
}

export interface Server {
  host: string;
  port: number;
}

export const serverAt = (url: URL, defaultPort: number): Server => ({
  host: url.hostname.replace(/^\[|\]$/g, ''),
  port: url.port === '' ? defaultPort : Number(url.port),
});

/** What the peer has shown, leaf first. */
export function shownChain(socket: TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  for (let one = socket.getPeerX509Certificate(); one && chain.length < 16; one = one.issuerCertificate) {
    const { raw } = one;
    if (chain.some((other) => other.raw.equals(raw))) break; // a root is its own issuer
    chain.push(one);
  }
  return chain;
}

const codes: Partial<Record<PathFault, ProblemCode>> = {
  expired: 'server-expired',
  'not-yet-valid': 'server-expired',
  revoked: 'server-revoked',
};

/** @throws Refusal `server-untrusted`, `server-expired`, `server-revoked` */
export function judgeServer(wish: {
  chain: readonly X509Certificate[];
  trust: Trust;
  host: string;
  at: Moment;
}): TrustedPath {
  const { chain, trust, host, at } = wish;
  const below = trust.below ?? [];
  const verdict = validatePath({
    chain: [...chain, ...(chain.length > 0 ? below : [])],
    anchors: trust.anchors,
    at,
    purpose: 'serverAuth',
    host,
  });
  if (verdict.ok) return verdict;
  throw new Refusal(codes[verdict.fault] ?? 'server-untrusted', `${host}: ${verdict.detail}`);
}

/** The same connection, once who answers is judged; else it is cut. @throws Refusal as `judgeServer` */
export function judged(socket: TLSSocket, by: { trust: Trust; host: string; at: Moment }): TLSSocket {
  try {
    judgeServer({ chain: shownChain(socket), ...by });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** A handshake and nothing more: nobody has been judged yet. @throws Error of the network or of TLS, in time */
export async function openTls(
  wish: Server & { identity?: ClientIdentity | undefined; signal: AbortSignal; timeoutMilliseconds: number },
): Promise<TLSSocket> {
  const { host, port, identity, signal, timeoutMilliseconds } = wish;
  signal.throwIfAborted();
  const socket = connect({
    host,
    port,
    minVersion: 'TLSv1.2',
    rejectUnauthorized: false,
    ...(isIP(host) ? {} : { servername: host }),
    ...(identity ? { key: identity.keyPem, cert: identity.chain } : {}),
  });
  return new Promise<TLSSocket>((resolve, reject) => {
    const fail = (error: unknown): void => {
      settle();
      socket.on('error', () => {}); // what comes after the first is only noise
      socket.destroy();
      reject(error);
    };
    const aborted = (): void => fail(signal.reason);
    const ended = (): void => fail(new Error('the connection was closed during the handshake'));
    const timer = setTimeout(() => fail(new Error('no answer in time')), timeoutMilliseconds);
    const settle = (): void => {
      clearTimeout(timer);
      socket.off('error', fail);
      socket.off('close', ended);
      signal.removeEventListener('abort', aborted);
    };
    socket.once('error', fail);
    socket.once('close', ended);
    signal.addEventListener('abort', aborted, { once: true });
    socket.once('secureConnect', () => {
      settle();
      socket.on('error', () => {}); // it is told by 'close' too, and nobody may be listening while the server is judged
      resolve(socket);
    });
  });
}

/**
 * What ties a request to this very connection: `tls-exporter` (RFC 9266) of TLS 1.3, `tls-unique` (RFC 5929) of TLS 1.2,
 * whose first Finished message is the client's as no session is resumed here.
 */
export function channelBinding(socket: TLSSocket): Buffer {
  if (socket.getProtocol() === 'TLSv1.3')
    return socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0));
  const finished = socket.getFinished();
  if (!finished) throw new Error('the handshake is not finished');
  return finished;
}
