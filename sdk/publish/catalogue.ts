/**
 * The catalogue as a member sees it (contract/catalogue.ts). Each call proves anew that the member holds the key of their
 * credential (DPoP, RFC 9449).
 */
import { createReadStream } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { CatalogueApp, CatalogueRelease, cataloguePath, type NewRelease, patchBytes } from '#contract/catalogue.js';
import { DomainProof, domainsPath } from '#contract/domain-claim.js';
import { Refusal } from '#contract/problems.js';
import type { Descriptor } from '#contract/release.js';
import { ResultsPage, type RolloutAct, type RolloutVerb, RolloutView } from '#contract/rollout.js';
import { type Call, type Https, type Reply, refuseOf } from './https.js';
import { type Prove, provedCall, readReply } from './proved.js';

export interface Blob extends Pick<Descriptor, 'digest' | 'size'> {
  /** Where its bytes are. */
  file: string;
}

export interface Catalogue {
  /** Undefined while nobody has published under this id. */
  app(id: string): Promise<CatalogueApp | undefined>;
  /** Whether it is there; else how many bytes of it are. */
  held(digest: string): Promise<{ whole: true } | { whole: false; bytes: number }>;
  /** What the catalogue lacks of it, going on after a cut; answers how many bytes were sent. */
  upload(blob: Blob, onSent?: (bytesThere: number) => void): Promise<number>;
  publish(release: NewRelease): Promise<CatalogueRelease>;
  withdraw(release: string, reason: string): Promise<void>;
  /** How far it is; first told what to do, where something is to be done. */
  rollout(release: string, act?: RolloutVerb, reason?: string): Promise<RolloutView>;
  results(release: string, cursor?: string): Promise<ResultsPage>;
  /** Has it looked for the proof; answers what the proof is. */
  claim(domain: string): Promise<DomainProof>;
}

const leastPieceBytes = 128 * 1024;
/** Cuts in a row without a byte gained, before it is given up. */
const mostCuts = 5;
const firstPauseMilliseconds = 250;

export function createCatalogue(uses: { https: Https; prove: Prove }): Catalogue {
  const call = (wish: Call): Promise<Reply> => provedCall(uses, wish);

  const post = async (path: string, body: unknown): Promise<Reply> => {
    const headers = { 'content-type': 'application/json' };
    const reply = await call({ method: 'POST', path, headers, body: JSON.stringify(body) });
    return reply.status < 300 ? reply : refuseOf(reply);
  };

  const offsetIn = ({ headers }: Reply): number => {
    const told = headers['upload-offset'];
    return typeof told === 'string' && /^\d{1,15}$/.test(told) ? Number(told) : 0;
  };

  async function held(digest: string) {
    const reply = await call({ method: 'HEAD', path: `${cataloguePath}/blobs/${digest}` });
    if (reply.status === 200) return { whole: true } as const;
    if (reply.status === 404) return { whole: false, bytes: offsetIn(reply) } as const;
    return refuseOf(reply); // an answer to HEAD has no body; the calls before it have told who is refused, and why
  }

  /** One piece from `from` on; answers how many bytes are there then. */
  async function send({ digest, size, file }: Blob, from: number, most: number): Promise<number> {
    const end = Math.min(size, from + most);
    const reply = await call({
      method: 'PATCH',
      path: `${cataloguePath}/blobs/${digest}`,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': end - from,
        'upload-offset': from,
        'upload-length': size,
      },
      // Where all is there and the catalogue has not looked at it, an empty piece makes it look.
      body: from < end ? () => createReadStream(file, { start: from, end: end - 1 }) : '',
    });
    return reply.status < 300 ? end : refuseOf(reply);
  }

  /** An earlier request of ours came through after all, or did not. */
  const mayGoOn = (error: unknown): boolean =>
    error instanceof Refusal && (error.code === 'catalogue-unreachable' || error.code === 'upload-offset-wrong');

  async function upload(blob: Blob, onSent: (bytesThere: number) => void = () => {}): Promise<number> {
    let sent = 0;
    let most = -1;
    let cuts = 0;
    let piece: number = patchBytes;
    for (;;) {
      try {
        // At the start, and after a cut, only the catalogue knows what is there.
        const found = await held(blob.digest);
        if (found.whole) return sent;
        if (found.bytes > most) [most, cuts] = [found.bytes, 0];
        for (let there = found.bytes; ; ) {
          const next = await send(blob, there, piece);
          sent += next - there;
          there = next;
          onSent(there);
          if (there >= blob.size) return sent;
        }
      } catch (error) {
        cuts += 1;
        piece = Math.max(leastPieceBytes, piece / 2); // a slow line is cut for being slow
        if (!mayGoOn(error) || cuts > mostCuts) throw error;
        await delay(firstPauseMilliseconds * 2 ** (cuts - 1));
      }
    }
  }

  return {
    held,
    upload,
    async app(id) {
      const reply = await call({ method: 'GET', path: `${cataloguePath}/apps/${id}` });
      if (reply.status === 404) return undefined;
      return reply.status === 200 ? readReply(CatalogueApp, reply) : refuseOf(reply);
    },
    claim: async (domain) => readReply(DomainProof, await post(domainsPath, { domain })),
    publish: async (release) => readReply(CatalogueRelease, await post(`${cataloguePath}/releases`, release)),
    async rollout(release, act, reason) {
      const path = `${cataloguePath}/releases/${release}/rollout`;
      const wish = act && ({ act, ...(reason === undefined ? {} : { reason }) } satisfies RolloutAct);
      const reply = wish ? await post(path, wish) : await call({ method: 'GET', path });
      return reply.status === 200 ? readReply(RolloutView, reply) : refuseOf(reply);
    },
    async results(release, cursor) {
      const search = cursor === undefined ? '' : `?${new URLSearchParams({ cursor })}`;
      const reply = await call({ method: 'GET', path: `${cataloguePath}/releases/${release}/results${search}` });
      return reply.status === 200 ? readReply(ResultsPage, reply) : refuseOf(reply);
    },
    async withdraw(release, reason) {
      await post(`${cataloguePath}/releases/${release}/withdraw`, { reason });
    },
  };
}
