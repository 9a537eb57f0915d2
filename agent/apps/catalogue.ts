/** The territory's catalogue, as a box asks for it: by mutual TLS, with its own path validation of the server. */
import type { Readable } from 'node:stream';
import type { Static, TSchema } from 'typebox';
import { bodyOf, type CheckedAnswer, cutAnswer, getChecked, postChecked, refusalOf } from '#common/checked-https.js';
import type { ClientIdentity, Trust } from '#common/checked-tls.js';
import type { Moment } from '#common/pki/path.js';
import { CatalogueApp, CataloguePage, CatalogueRelease, cataloguePath } from '#contract/catalogue.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Catalogue } from './uses.js';

/** A release with both status lists, or a page of a hundred entries. */
const largestBody = 4 * 1024 * 1024;
const timeoutMilliseconds = 30_000;

export interface CatalogueAccess {
  est: URL;
  trust: Trust;
  identity: ClientIdentity;
}

/** From `from` on, also of a server that knows no ranges (RFC 9110 section 14.2: it may ignore them). */
async function* octets({ status, headers, body }: CheckedAnswer, from: number): AsyncIterable<Uint8Array> {
  let skip = status === 206 ? 0 : from;
  if (status === 206 && !headers['content-range']?.startsWith(`bytes ${from}-`))
    throw new Refusal('est-protocol', `the catalogue gave ${headers['content-range']} for ${from}`);
  try {
    for await (const chunk of body as Readable & AsyncIterable<Uint8Array>) {
      if (skip < chunk.length) yield chunk.subarray(skip);
      skip = Math.max(0, skip - chunk.length);
    }
  } catch (error) {
    throw cutAnswer(error);
  } finally {
    body.destroy();
  }
}

export function createCatalogue(wish: {
  /** @throws Refusal `not-a-member` */
  access: () => Promise<CatalogueAccess>;
  moment: () => Moment;
  /** Of this box: nothing else is listed. */
  architecture: string;
  signal: AbortSignal;
}): Catalogue {
  const { access, moment } = wish;

  /** @throws Refusal as the provider says, unless it is a success */
  async function good(answer: CheckedAnswer): Promise<CheckedAnswer> {
    if (answer.status >= 200 && answer.status < 300) return answer;
    try {
      throw await refusalOf(answer, 'the catalogue');
    } catch (error) {
      throw cutAnswer(error);
    } finally {
      answer.body.destroy();
    }
  }

  async function to(path: string, signal: AbortSignal) {
    const { est, trust, identity } = await access();
    return {
      url: new URL(`${cataloguePath}/${path}`, est),
      trust,
      identity,
      at: moment(),
      signal,
      timeoutMilliseconds,
    };
  }

  async function get(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<CheckedAnswer> {
    return good(await getChecked({ ...(await to(path, signal)), headers }));
  }

  async function json<T extends TSchema>(schema: T, path: string): Promise<Static<T>> {
    const { body } = await get(path, {}, wish.signal);
    try {
      const read = parseJson(schema, await bodyOf(body, largestBody));
      if (!read.ok) throw new Refusal('est-protocol', `the catalogue: ${describeFaults(read.faults)}`);
      return read.value;
    } catch (error) {
      throw cutAnswer(error);
    } finally {
      body.destroy();
    }
  }

  return {
    page({ query, cursor }) {
      const { architecture } = wish;
      const search = new URLSearchParams({
        architecture,
        ...(query ? { query } : {}),
        ...(cursor ? { cursor } : {}),
      });
      return json(CataloguePage, `apps?${search}`);
    },
    app: (id) => json(CatalogueApp, `apps/${encodeURIComponent(id)}`),
    release: (id) => json(CatalogueRelease, `releases/${encodeURIComponent(id)}`),
    async blob(digest, from, signal) {
      const headers: Record<string, string> = from > 0 ? { Range: `bytes=${from}-` } : {};
      const answer = await get(`blobs/${digest}`, headers, AbortSignal.any([signal, wish.signal]));
      return octets(answer, from);
    },
    async report(report) {
      const { body } = await good(await postChecked({ ...(await to('outcomes', wish.signal)), json: report }));
      body.destroy();
    },
  };
}
