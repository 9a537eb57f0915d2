/**
 * The box's side of EST (RFC 7030) and of the profile. Each call is a connection of its own, whose server is judged by
 * our own path validation before claim code, request or voucher leave the box.
 *
 * It is also where a box without a clock learns the time: the `Date` of a server whose chain is good, counted only
 * within the validity of that very chain.
 */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import {
  type ClientIdentity,
  channelBinding,
  judgeServer,
  openTls,
  serverAt,
  shownChain,
  type Trust,
} from '#common/checked-tls.js';
import type { Moment } from '#common/pki/path.js';
import { decodeBody, encodeBody } from '#common/pki/pem.js';
import { parseCertsOnly } from '#common/pki/pkcs7.js';
import { type Leave, LeaveAnswer } from '#contract/leave.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { isProblemCode, Problem, Refusal } from '#contract/problems.js';
import { Profile } from '#contract/profile.js';
import type { TrustedTime } from '../time/trusted-time.js';
import type { Authorities } from './chain.js';
import { type Answer, exchange } from './exchange.js';

export type { ClientIdentity };

/**
 * Makes the request for this connection: what it is given goes into the challengePassword (RFC 7030 section 3.5).
 * The provider knows a request that is asked again by its key, so another connection may have another request.
 */
export type MakeRequest = (channelBinding: Buffer) => Promise<Uint8Array>;

export interface EstClient {
  /**
   * The territory's CAs. `accept` says which of what was shown is to be trusted, and throws when nothing is; then the
   * server that showed them must lead there itself. With `known` roots it must do so before it is asked anything.
   * @throws Refusal as `accept`; `server-untrusted`, `server-expired`, `time-outside-chain`, `time-below-floor`,
   *   `est-unreachable`
   */
  cacerts(accept: (shown: X509Certificate[]) => Authorities, known?: Trust): Promise<Authorities>;
  /** Leaf first. @throws RetryLater, or Refusal: the one that the provider answered, or those of `cacerts` */
  simpleenroll(wish: {
    trust: Trust;
    csr: MakeRequest;
    claimCode?: string | undefined;
    /** The factory identity. */
    identity?: ClientIdentity | undefined;
    /** RFC 8366, JSON in CMS. */
    voucher?: Uint8Array | undefined;
  }): Promise<X509Certificate[]>;
  simplereenroll(wish: { trust: Trust; identity: ClientIdentity; csr: MakeRequest }): Promise<X509Certificate[]>;
  profile(wish: { trust: Trust; identity: ClientIdentity }): Promise<Profile>;
  /** Tells the provider that the box leaves; it may object, and cannot prevent it. */
  leave(wish: { trust: Trust; identity: ClientIdentity; body: Leave }): Promise<LeaveAnswer>;
}

/** Somebody has still to decide (202, RFC 7030 section 4.2.3), or the provider is too busy now. */
export class RetryLater extends Error {
  readonly seconds: number;
  readonly reason: 'waiting-admission' | 'busy';
  constructor(seconds: number, reason: 'waiting-admission' | 'busy') {
    super(`${reason}: the provider asks to come back in ${seconds} s`);
    this.name = 'RetryLater';
    this.seconds = seconds;
    this.reason = reason;
  }
}

interface Ask {
  path: string;
  /** Judged before anything is asked; without it the caller judges the answer. */
  trust?: Trust | undefined;
  /** By which time; the time as it is known when absent. */
  at?: Moment;
  identity?: ClientIdentity | undefined;
  headers?: Record<string, string>;
  csr?: MakeRequest;
  json?: unknown;
}

const timeoutMilliseconds = 20_000;
const wellKnown = '.well-known/est/';
const pkcs10 = { 'Content-Type': 'application/pkcs10', 'Content-Transfer-Encoding': 'base64' };

export function createEstClient(wish: {
  est: URL;
  signal: AbortSignal;
  time: Pick<TrustedTime, 'trusted' | 'moment' | 'learn'>;
  /** What does not stop the work, but should be known: a time that is refused. */
  onRefused: (refusal: Refusal) => void;
}): EstClient {
  const { est, signal, time, onRefused } = wish;
  const server = serverAt(est, 443);
  const { host } = server;

  function unreachable(error: unknown): never {
    if (error instanceof Refusal) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new Refusal('est-unreachable', `${est.origin}: ${message}`, { cause: error });
  }

  /**
   * What the answer says of the time, by a server that leads to these roots. Who does not know the time goes no further
   * with a server whose time it cannot take: the certificate that it would get looks expired, and the claim is spent.
   * @throws Refusal `time-outside-chain`, `time-below-floor`
   */
  async function learnFrom(chain: readonly X509Certificate[], trust: Trust, date: number | undefined): Promise<void> {
    if (date === undefined) return;
    const { validity } = judgeServer({ chain, trust, host, at: { atLeast: 0 } });
    const lesson = await time.learn({ date, validity });
    const said = `${host} says ${new Date(date).toISOString()}`;
    if (lesson === 'learned' || lesson === 'confirmed') return;
    const refusal = new Refusal(lesson === 'below-floor' ? 'time-below-floor' : 'time-outside-chain', said);
    if (!time.trusted()) throw refusal;
    onRefused(refusal);
  }

  async function ask({
    path,
    trust,
    at,
    identity,
    headers = {},
    csr,
    json,
  }: Ask): Promise<Answer & { chain: X509Certificate[] }> {
    let socket: TLSSocket | undefined;
    try {
      socket = await openTls({ ...server, identity, signal, timeoutMilliseconds });
      const chain = shownChain(socket);
      if (trust) judgeServer({ chain, trust, host, at: at ?? time.moment() });
      const body = csr
        ? encodeBody(await csr(channelBinding(socket)))
        : json === undefined
          ? undefined
          : JSON.stringify(json);
      const kind = csr ? pkcs10 : { 'Content-Type': 'application/json' };
      const request = {
        url: new URL(path, est),
        headers: { ...(body === undefined ? {} : kind), ...headers },
        body,
        signal,
        timeoutMilliseconds,
      };
      return { ...(await exchange(socket, request)), chain };
    } catch (error) {
      return unreachable(error);
    } finally {
      socket?.destroy();
    }
  }

  /** As `ask`, of a server that is trusted already, and so believed about the time. */
  async function askTrusted(wanted: Ask & { trust: Trust }): Promise<Answer> {
    const answer = await ask(wanted);
    await learnFrom(answer.chain, wanted.trust, answer.date).catch((error: unknown) => {
      if (error instanceof Refusal)
        onRefused(error); // it has acted already: what it answered counts
      else throw error;
    });
    return answer;
  }

  function refuse(answer: Answer): never {
    const seconds = Math.min(3600, Math.max(1, answer.retryAfter || 10));
    if (answer.status === 202) throw new RetryLater(seconds, 'waiting-admission');
    if (answer.status === 429 || answer.status === 503) throw new RetryLater(seconds, 'busy');
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
    async cacerts(accept, known) {
      // Whatever the floor says: a right time that is below it can only be offered by a server that is asked.
      const answer = await ask({ path: `${wellKnown}cacerts`, trust: known, at: { atLeast: 0 } });
      const trust = accept(certificatesOf(answer));
      const { chain } = answer;
      // Without the time at first: a rogue server is called one before its date is looked at.
      judgeServer({ chain, trust, host, at: { atLeast: 0 } });
      await learnFrom(chain, trust, answer.date);
      judgeServer({ chain, trust, host, at: time.moment() });
      return trust;
    },
    async simpleenroll({ trust, csr, claimCode, identity, voucher }) {
      const headers = {
        ...(claimCode === undefined
          ? {}
          : { Authorization: `Basic ${Buffer.from(`claim:${claimCode}`).toString('base64')}` }),
        ...(voucher ? { 'Webizen-Voucher': Buffer.from(voucher).toString('base64') } : {}),
      };
      return certificatesOf(await askTrusted({ path: `${wellKnown}simpleenroll`, trust, identity, headers, csr }));
    },
    simplereenroll: async ({ trust, identity, csr }) =>
      certificatesOf(await askTrusted({ path: `${wellKnown}simplereenroll`, trust, identity, csr })),
    async profile({ trust, identity }) {
      const answer = await askTrusted({ path: 'v1/profile', trust, identity });
      if (answer.status !== 200) refuse(answer);
      const profile = parseJson(Profile, answer.body);
      if (!profile.ok) throw new Refusal('est-protocol', `profile: ${describeFaults(profile.faults)}`);
      return profile.value;
    },
    async leave({ trust, identity, body }) {
      const answer = await askTrusted({ path: 'v1/leave', trust, identity, json: body });
      if (answer.status !== 200) refuse(answer);
      const told = parseJson(LeaveAnswer, answer.body);
      if (!told.ok) throw new Refusal('est-protocol', `leave: ${describeFaults(told.faults)}`);
      return told.value;
    },
  };
}
