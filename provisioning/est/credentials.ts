/** What a client shows, read from where it stands: header, handshake, body. Nothing is proven here. */
import type { X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import { type Csr, parseCsr } from '#common/pki/csr.js';
import { decodeBody } from '#common/pki/pem.js';
import { Refusal } from '#contract/problems.js';
import { checkChannel } from './channel.js';

const mostChain = 5;
const mostVoucher = 6000;

/**
 * The claim code, or undefined where none was given: no `Authorization`, or an empty password.
 * @throws Refusal `claim-missing` for other credentials
 */
export function codeOf({ headers: { authorization } }: FastifyRequest): string | undefined {
  if (authorization === undefined) return undefined;
  const [, credentials] = /^Basic ([A-Za-z0-9+/=]{1,400})$/i.exec(authorization) ?? [];
  const [, code] = /^claim:(.*)$/s.exec(Buffer.from(credentials ?? '', 'base64').toString('utf8')) ?? [];
  if (code === undefined) throw new Refusal('claim-missing');
  return code.trim() === '' ? undefined : code;
}

export function tlsOf({ raw: { socket } }: FastifyRequest): TLSSocket {
  if (!(socket instanceof TLSSocket)) throw new Error('not a TLS connection');
  return socket;
}

/** @throws Refusal `certificate-missing` */
export function certificateOf(request: FastifyRequest): X509Certificate {
  const certificate = tlsOf(request).getPeerX509Certificate();
  if (!certificate) throw new Refusal('certificate-missing');
  return certificate;
}

/** The client's certificate and those that it sent along. */
export function chainOf(request: FastifyRequest): X509Certificate[] {
  const chain: X509Certificate[] = [];
  let next = tlsOf(request).getPeerX509Certificate();
  while (next && chain.length < mostChain && !chain.some((one) => next?.raw.equals(one.raw))) {
    chain.push(next);
    next = next.issuerCertificate;
  }
  return chain;
}

/** `Webizen-Voucher`: an RFC 8366 voucher, CMS in base64. @throws Refusal `voucher-invalid` */
export function voucherOf({ headers }: FastifyRequest): Buffer | undefined {
  const header = headers['webizen-voucher'];
  if (header === undefined) return undefined;
  const der = typeof header === 'string' && header.length <= mostVoucher ? decodeBody(Buffer.from(header)) : undefined;
  if (!der) throw new Refusal('voucher-invalid', 'the header is not base64');
  return der;
}

/** The body as a request that was made for this very connection. @throws Refusal as `parseCsr`; `csr-channel` */
export function csrOf(request: FastifyRequest): Csr {
  const der = Buffer.isBuffer(request.body) ? decodeBody(request.body) : undefined;
  if (!der) throw new Refusal('csr-malformed', 'the body is not base64');
  const csr = parseCsr(der);
  checkChannel(csr, tlsOf(request));
  return csr;
}
