/**
 * A bundle that the installer reads while it is fetched: RAUC asks an address of this machine's loopback for the parts that
 * it needs, and these are fetched over the box's own connection to the catalogue, which RAUC knows nothing of.
 *
 * Invariants: the end of the bundle, which all the rest is known by, is held against the signed release before RAUC is given
 * an address, and RAUC gets those very octets. What comes before it RAUC holds against that end itself. The address has a
 * part that cannot be guessed, and is gone when the installation is.
 */
import { createHash, randomBytes } from 'node:crypto';
import { once, setMaxListeners } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '#common/clock.js';
import type { BundleSignature, OsRelease } from '#contract/os-release.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';

export type StreamedBundle = OsRelease['bundle'] & { signature: BundleSignature };

/** Parts of one bundle. */
export interface Pieces {
  /** From the first octet to the one before the end, as many as these are. @throws Refusal as `OctetSource` */
  read(first: number, end: number, signal: AbortSignal): Promise<Uint8Array>;
  close(): void;
}

export interface Stream {
  url: string;
  /** Why it could not go on, of what was fetched: it gives up then. */
  fault(): Refusal | undefined;
  close(): Promise<void>;
}

/** The kernel's block device waits 300 s for a part. */
const patienceMilliseconds = 240_000;
const firstPause = 1000;
const longestPause = 15_000;
/** The kernel asks for 1.25 MiB at most. */
const largestPart = 4 * 1024 ** 2;
/** The network's, or of a server that is not itself: another moment may do. */
const passing = new Set<ProblemCode>(['est-unreachable', 'unavailable', 'too-many-requests']);

const refusalOf = (error: unknown): Refusal =>
  error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error });

/** Undefined for all that a block device does not ask for. Takes outside bytes. */
export function partIn(range: string | undefined, size: number): { first: number; end: number } | undefined {
  const [, from, to] = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(range ?? '') ?? [];
  if (from === undefined || to === undefined) return undefined;
  const [first, end] = [Number(from), Number(to) + 1];
  return first < end && end <= size && end - first <= largestPart ? { first, end } : undefined;
}

/** @throws Refusal `os-bundle-mismatch` where the end is not the one of the release, and as `Pieces` */
export async function openStream(wish: {
  bundle: StreamedBundle;
  pieces: Pieces;
  clock: Pick<Clock, 'sleep'>;
  monotonic: () => number;
  signal: AbortSignal;
  /** Bytes that have come. */
  onProgress: (bytes: number) => void;
}): Promise<Stream> {
  const { bundle, pieces, clock, monotonic, onProgress } = wish;
  const { size, signature } = bundle;
  const closing = new AbortController();
  const signal = AbortSignal.any([wish.signal, closing.signal]);
  setMaxListeners(0, signal); // each part that is on its way listens
  let travelled = 0;
  let fault: Refusal | undefined;

  async function fetched(first: number, end: number): Promise<Uint8Array> {
    const bytes = await pieces.read(first, end, signal);
    travelled += bytes.length;
    onProgress(travelled);
    return bytes;
  }

  /** The network may be away for a while. */
  async function insist(first: number, end: number): Promise<Uint8Array> {
    const since = monotonic();
    for (let pause = firstPause; ; pause = Math.min(2 * pause, longestPause)) {
      signal.throwIfAborted();
      try {
        return await fetched(first, end);
      } catch (error) {
        signal.throwIfAborted();
        const refusal = refusalOf(error);
        if (!passing.has(refusal.code) || monotonic() - since + pause > patienceMilliseconds) throw refusal;
      }
      await clock.sleep(pause, signal);
    }
  }

  const bodyEnd = size - signature.size;
  const tail = await fetched(bodyEnd, size);
  if (createHash('sha256').update(tail).digest('hex') !== signature.sha256)
    throw new Refusal('os-bundle-mismatch', `its signature is not the one of ${bundle.sha256}`);

  async function part(first: number, end: number): Promise<Uint8Array> {
    if (first >= bodyEnd) return tail.subarray(first - bodyEnd, end - bodyEnd);
    const body = await insist(first, Math.min(end, bodyEnd));
    return end <= bodyEnd ? body : Buffer.concat([body, tail.subarray(0, end - bodyEnd)]);
  }

  const place = `/${randomBytes(24).toString('hex')}`;
  async function answer(request: IncomingMessage, reply: ServerResponse): Promise<void> {
    if (request.method !== 'GET' || request.url !== place) return void reply.writeHead(404).end();
    const wanted = partIn(request.headers.range, size);
    if (!wanted) return void reply.writeHead(416, { 'content-range': `bytes */${size}` }).end();
    const { first, end } = wanted;
    try {
      const bytes = await part(first, end);
      const range = `bytes ${first}-${end - 1}/${size}`;
      reply.writeHead(206, { 'content-length': bytes.length, 'content-range': range }).end(bytes);
    } catch (error) {
      if (!signal.aborted) fault = refusalOf(error);
      closing.abort();
      reply.writeHead(404).end(); // RAUC asks again for what is cut, but not for what is not there
    }
  }

  const server = createServer((request, reply) => void answer(request, reply));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${place}`,
    fault: () => fault,
    async close() {
      closing.abort();
      server.closeAllConnections();
      if (!server.listening) return;
      server.close();
      await once(server, 'close');
    },
  };
}
