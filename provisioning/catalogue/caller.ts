/**
 * Who asks: a box by its certificate, a member by its credential and a proof for this very request (RFC 9449). Whoever
 * shows a credential is judged as a member, whatever the connection shows beside it.
 */
import type { X509Certificate } from 'node:crypto';
import { TLSSocket } from 'node:tls';
import type { FastifyRequest } from 'fastify';
import { sourceOf } from '#common/source.js';
import { Refusal } from '#contract/problems.js';
import type { CatalogueMembers, Publisher } from './parts.js';

export type Caller = { kind: 'box'; box: string } | { kind: 'member'; member: Publisher };

export interface CallerParts {
  members: Pick<CatalogueMembers, 'authenticate'>;
  boxes: { admit(certificate: X509Certificate): Promise<string> };
  /** The names in the server's certificate: a proof is for one of them, or for somebody else. */
  hosts: readonly string[];
  limits: { stranger(source: string): void; box(certificate: string, cost?: number): void };
}

export interface Callers {
  /** @throws Refusal as `members.authenticate`, `credential-missing`, `too-many-requests` */
  member(request: FastifyRequest): Promise<Publisher>;
  /** @param isPart one of many small ones of one file @throws Refusal as `boxes.admit`, `certificate-missing`, `too-many-requests` */
  box(request: FastifyRequest, isPart?: boolean): Promise<string>;
  /** @throws Refusal as both */
  either(request: FastifyRequest): Promise<Caller>;
}

/** RFC 9449 section 7.1 */
const challenge = { 'www-authenticate': 'DPoP algs="ES256"' };

/** Fifty parts for one request: a bundle that is streamed is asked for in a few thousand. */
const partCost = 1 / 50;

export function createCallers({ members, boxes, hosts, limits }: CallerParts): Callers {
  /** What the request was addressed to, without its query (RFC 9449 section 4.2, `htu`). */
  function urlOf(request: FastifyRequest): string {
    const host = hosts.includes(request.hostname.replace(/^\[|\]$/g, '')) ? request.host : (hosts[0] ?? 'localhost');
    return `https://${host}${request.url.replace(/[?#].*$/s, '')}`;
  }

  async function member(request: FastifyRequest): Promise<Publisher> {
    limits.stranger(sourceOf(request.ip));
    const { authorization = '', dpop } = request.headers;
    const [, credential] = /^DPoP +(\S+)$/i.exec(authorization) ?? [];
    if (credential === undefined || typeof dpop !== 'string')
      throw new Refusal('credential-missing', undefined, { headers: challenge });
    try {
      return await members.authenticate({ credential, proof: dpop, method: request.method, url: urlOf(request) });
    } catch (error) {
      if (!(error instanceof Refusal) || error.status !== 401) throw error;
      throw new Refusal(error.code, error.detail, { cause: error, headers: { ...error.headers, ...challenge } });
    }
  }

  async function box({ raw: { socket } }: FastifyRequest, isPart = false): Promise<string> {
    const certificate = socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
    if (!certificate) throw new Refusal('certificate-missing');
    // A bucket of its own: who fetches an image must be able to renew its certificate meanwhile.
    if (isPart) limits.box(`parts ${certificate.fingerprint256}`, partCost);
    else limits.box(`catalogue ${certificate.fingerprint256}`);
    return boxes.admit(certificate);
  }

  return {
    member,
    box,
    async either(request) {
      return request.headers.authorization === undefined
        ? { kind: 'box', box: await box(request) }
        : { kind: 'member', member: await member(request) };
    },
  };
}
