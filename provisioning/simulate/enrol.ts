/** Simulated boxes come into the territory as any box does: by EST (RFC 7030) with a claim code, over a key of their own. */
import { X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import type { Clock } from '#common/clock.js';
import { makeCsr } from '#common/pki/csr.js';
import { keyFromPem, signerOf } from '#common/pki/keys.js';
import { certificateToPem, decodeBody, encodeBody } from '#common/pki/pem.js';
import { parseCertsOnly } from '#common/pki/pkcs7.js';
import { commonNameOf } from '#common/pki/subject.js';
import { eventsForm } from '#contract/events.js';
import { compactHealth } from '#contract/health-codec.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { isProblemCode, Problem, Refusal } from '#contract/problems.js';
import { Profile } from '#contract/profile.js';
import type { Folder, Identity, Stored } from './identities.js';

export interface Territory {
  est: URL;
  /** PEM of the territory's root: whom its servers have to come from. */
  root: string;
}

interface Answer {
  status: number;
  retryAfter: number;
  body: Buffer;
}

const timeoutMilliseconds = 30_000;
const longestWaitSeconds = 60;

/** @throws Refusal `est-unreachable` */
function ask(
  { est, root }: Territory,
  place: string,
  wish: { method?: string; headers?: Record<string, string>; body?: string; key?: string; cert?: string } = {},
): Promise<Answer> {
  const { method = 'GET', headers = {}, body, key, cert } = wish;
  const tls = { ca: root, ...(key !== undefined && { key }), ...(cert !== undefined && { cert }) };
  return new Promise((resolve, reject) => {
    const fail = (error: Error) =>
      reject(new Refusal('est-unreachable', `${est.origin}: ${error.message}`, { cause: error }));
    const length = body === undefined ? {} : { 'Content-Length': String(Buffer.byteLength(body)) };
    const call = request(new URL(place, est), {
      ...{ method, agent: false, timeout: timeoutMilliseconds, ...tls },
      headers: { Connection: 'close', ...headers, ...length },
    });
    call.once('timeout', () => call.destroy(new Error('no answer in time')));
    call.once('error', fail);
    call.once('response', (reply) => {
      const chunks: Buffer[] = [];
      reply.on('data', (chunk: Buffer) => chunks.push(chunk));
      reply.once('error', fail);
      reply.once('end', () =>
        resolve({
          status: reply.statusCode ?? 0,
          retryAfter: Number(reply.headers['retry-after']) || 1,
          body: Buffer.concat(chunks),
        }),
      );
    });
    call.end(body);
  });
}

function refuse({ status, body }: Answer): never {
  const told = parseJson(Problem, body);
  if (told.ok && isProblemCode(told.value.code)) throw new Refusal(told.value.code, told.value.detail);
  throw new Refusal('est-protocol', `status ${status}`);
}

/** Asks until it is let in or refused: a provider that is busy, or whose operator has still to decide, is asked again. */
async function enrol(territory: Territory, { key, claim }: Stored, clock: Clock, signal: AbortSignal) {
  const csr = await makeCsr({ commonName: 'new-box', signer: signerOf(keyFromPem(key)) });
  const headers = {
    'Content-Type': 'application/pkcs10',
    'Content-Transfer-Encoding': 'base64',
    Authorization: `Basic ${Buffer.from(`claim:${claim}`).toString('base64')}`,
  };
  for (;;) {
    signal.throwIfAborted();
    const answer = await ask(territory, '/.well-known/est/simpleenroll', {
      method: 'POST',
      headers,
      body: encodeBody(csr),
    });
    if ([202, 429, 503].includes(answer.status)) {
      const seconds = Math.min(longestWaitSeconds, answer.retryAfter) + Math.random();
      await clock.sleep(seconds * 1000, signal);
      continue;
    }
    if (answer.status !== 200) refuse(answer);
    const der = decodeBody(answer.body);
    const leaf = der && parseCertsOnly(der)[0];
    const id = leaf && commonNameOf(leaf);
    if (!leaf || id === undefined) throw new Refusal('est-protocol', 'the answer holds no certificate');
    return { id, cert: certificateToPem(leaf.raw) };
  }
}

/**
 * The first so many boxes of the folder, each enrolled now if it was not before, at most so many at a time.
 * @param claims so many codes that nobody has used
 * @throws Refusal `simulation-expired`, and what the provider refuses with
 */
export async function enrolAll(wish: {
  folder: Folder;
  territory: Territory;
  count: number;
  claims: (count: number) => Promise<string[]>;
  atOnce: number;
  clock: Clock;
  signal: AbortSignal;
  told?: (enrolled: number) => void;
}): Promise<Identity[]> {
  const { folder, territory, count, atOnce, clock, signal, told = () => {} } = wish;
  const numbers = Array.from({ length: count }, (_, index) => index + 1);
  const stored: (Stored | undefined)[] = [];
  for (const number of numbers) stored.push(await folder.box(number));
  const fresh = stored.filter((one) => one === undefined).length;
  const codes = fresh > 0 ? await wish.claims(fresh) : [];
  const identities: Identity[] = [];
  let next = 0;
  let enrolled = 0;

  async function worker(): Promise<void> {
    while (next < count) {
      const at = next++;
      const number = numbers[at]!;
      const box = stored[at] ?? (await folder.begin(number, codes.pop() ?? ''));
      const { id, cert, key } = box;
      if (id !== undefined && cert !== undefined) {
        if (Date.parse(new X509Certificate(cert).validTo) < clock.now()) throw new Refusal('simulation-expired', id);
        identities[at] = { id, cert, key };
        continue;
      }
      identities[at] = await folder.enrolled(number, box, await enrol(territory, box, clock, signal));
      told(++enrolled);
    }
  }
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, worker));
  return identities;
}

/** Where the territory's broker is, and what it reads, as an enrolled box is told. @throws Refusal */
export async function profileOf(
  territory: Territory,
  { key, cert }: Identity,
): Promise<{ host: string; port: number; compact: boolean; tells: boolean }> {
  const answer = await ask(territory, '/v1/profile', { key, cert });
  if (answer.status !== 200) refuse(answer);
  const profile = parseJson(Profile, answer.body);
  if (!profile.ok) throw new Refusal('est-protocol', describeFaults(profile.faults));
  const { broker, reads = [] } = profile.value;
  const url = new URL(broker.url);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || '8883'),
    compact: reads.includes(compactHealth),
    tells: reads.includes(eventsForm),
  };
}
