/** The box's side of EST (RFC 7030) and of the profile. Each call is a connection of its own. */

import type { X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { decodeBody, encodeBody } from '#common/pki/pem.js';
import { parseCertsOnly } from '#common/pki/pkcs7.js';
import { type Leave, LeaveAnswer } from '#contract/leave.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { isProblemCode, Problem, Refusal } from '#contract/problems.js';
import { Profile } from '#contract/profile.js';

export interface ClientIdentity {
  keyPem: string;
  chain: string;
}

export interface EstClient {
  /** Over a connection that nothing is known of yet: the caller compares the pin before it trusts any of it. */
  cacerts(): Promise<X509Certificate[]>;
  /** Leaf first. @throws Refusal the one that the provider answered */
  simpleenroll(wish: {
    root: string;
    claimCode?: string;
    /** The factory identity. */
    identity?: ClientIdentity;
    /** DER. */
    voucher?: Uint8Array;
    csr: Uint8Array;
  }): Promise<X509Certificate[]>;
  simplereenroll(wish: { root: string; identity: ClientIdentity; csr: Uint8Array }): Promise<X509Certificate[]>;
  profile(wish: { root: string; identity: ClientIdentity }): Promise<Profile>;
  /** Tells the provider that the box leaves; it may object, and cannot prevent it. */
  leave(wish: { root: string; identity: ClientIdentity; body: Leave }): Promise<LeaveAnswer>;
}

/** The provider decides later (RFC 7030 section 4.2.3), or is too busy now. */
export class RetryLater extends Error {
  readonly seconds: number;
  readonly reason: 'waiting-admission' | 'busy';
  constructor(seconds: number, reason: RetryLater['reason']) {
    super(`the provider asks to come back in ${seconds} s`);
    this.name = 'RetryLater';
    this.seconds = seconds;
    this.reason = reason;
  }
}

interface Answer {
  status: number;
  retryAfter: number;
  body: Buffer;
}

interface Ask {
  path: string;
  /** Without it the server is not verified. */
  root?: string;
  identity?: ClientIdentity;
  basic?: string;
  csr?: Uint8Array;
  voucher?: Uint8Array;
  json?: unknown;
}

const maxBytes = 64 * 1024;
const timeoutMilliseconds = 20_000;
const certsOnlyPath = '.well-known/est/';

export function createEstClient(base: URL, signal: AbortSignal): EstClient {
  function ask(wish: Ask): Promise<Answer> {
    const url = new URL(wish.path, base);
    const body = wish.csr ? encodeBody(wish.csr) : wish.json === undefined ? undefined : JSON.stringify(wish.json);
    return new Promise<Answer>((resolve, reject) => {
      const call = request(url, {
        method: body === undefined ? 'GET' : 'POST',
        agent: false,
        signal,
        timeout: timeoutMilliseconds,
        rejectUnauthorized: wish.root !== undefined,
        ...(wish.root === undefined ? {} : { ca: wish.root }),
        ...(wish.identity ? { key: wish.identity.keyPem, cert: wish.identity.chain } : {}),
        headers: {
          ...(body === undefined
            ? {}
            : {
                ...(wish.csr
                  ? { 'Content-Type': 'application/pkcs10', 'Content-Transfer-Encoding': 'base64' }
                  : { 'Content-Type': 'application/json' }),
                'Content-Length': Buffer.byteLength(body),
              }),
          ...(wish.voucher ? { 'Webizen-Voucher': Buffer.from(wish.voucher).toString('base64') } : {}),
          ...(wish.basic ? { Authorization: `Basic ${Buffer.from(wish.basic).toString('base64')}` } : {}),
        },
      });
      call.once('timeout', () => call.destroy(new Error('no answer in time')));
      call.once('error', reject);
      call.once('response', (reply) => {
        const chunks: Buffer[] = [];
        let size = 0;
        reply.on('data', (chunk: Buffer) => {
          size += chunk.length;
          if (size > maxBytes) reply.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        reply.once('error', reject);
        reply.once('close', () => reject(new Error('the answer ended early')));
        reply.once('end', () =>
          resolve({
            status: reply.statusCode ?? 0,
            retryAfter: Number(reply.headers['retry-after']) || 0,
            body: Buffer.concat(chunks),
          }),
        );
      });
      call.end(body);
    }).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      throw new Refusal('est-unreachable', `${url.origin}: ${message}`, { cause: error });
    });
  }

  function refuse(answer: Answer): never {
    if (answer.status === 202 || answer.status === 429 || answer.status === 503)
      throw new RetryLater(
        Math.min(3600, Math.max(1, answer.retryAfter || 10)),
        answer.status === 202 ? 'waiting-admission' : 'busy',
      );
    const told = parseJson(Problem, answer.body);
    if (told.ok && isProblemCode(told.value.code)) throw new Refusal(told.value.code, told.value.detail);
    throw new Refusal('est-protocol', `status ${answer.status}`);
  }

  function certificatesOf(answer: Answer): X509Certificate[] {
    if (answer.status !== 200) refuse(answer);
    const der = decodeBody(answer.body);
    if (!der) throw new Refusal('est-protocol', 'the answer is not base64');
    return parseCertsOnly(der);
  }

  return {
    cacerts: async () => certificatesOf(await ask({ path: `${certsOnlyPath}cacerts` })),
    simpleenroll: async ({ claimCode, ...wish }) =>
      certificatesOf(
        await ask({
          path: `${certsOnlyPath}simpleenroll`,
          ...wish,
          ...(claimCode === undefined ? {} : { basic: `claim:${claimCode}` }),
        }),
      ),
    simplereenroll: async ({ root, identity, csr }) =>
      certificatesOf(await ask({ path: `${certsOnlyPath}simplereenroll`, root, identity, csr })),
    async profile({ root, identity }) {
      const answer = await ask({ path: 'v1/profile', root, identity });
      if (answer.status !== 200) refuse(answer);
      const profile = parseJson(Profile, answer.body);
      if (!profile.ok) throw new Refusal('est-protocol', `profile: ${describeFaults(profile.faults)}`);
      return profile.value;
    },
    async leave({ root, identity, body }) {
      const answer = await ask({ path: 'v1/leave', root, identity, json: body });
      if (answer.status !== 200) refuse(answer);
      const told = parseJson(LeaveAnswer, answer.body);
      if (!told.ok) throw new Refusal('est-protocol', `leave: ${describeFaults(told.faults)}`);
      return told.value;
    },
  };
}
