/** The territory's catalogue, as a box asks for it: by mutual TLS, with its own path validation of the server. */
import type { Readable } from 'node:stream';
import type { Static, TSchema } from 'typebox';
import { askChecked, bodyOf, type CheckedAnswer } from '#common/checked-https.js';
import type { ClientIdentity, Trust } from '#common/checked-tls.js';
import type { Moment } from '#common/pki/path.js';
import { CatalogueApp, CataloguePage, CatalogueRelease, cataloguePath } from '#contract/catalogue.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { isProblemCode, Problem, Refusal } from '#contract/problems.js';
import type { Catalogue } from './uses.js';

/** A release with both status lists, or a page of a hundred entries. */
const largestBody = 4 * 1024 * 1024;
const timeoutMilliseconds = 30_000;

export interface CatalogueAccess {
  est: URL;
  trust: Trust;
  identity: ClientIdentity;
}

async function refusalOf({ status, body }: CheckedAnswer): Promise<Refusal> {
  const told = parseJson(Problem, await bodyOf(body, 64 * 1024));
  if (told.ok && isProblemCode(told.value.code)) return new Refusal(told.value.code, told.value.detail);
  return new Refusal(status >= 500 || status === 429 ? 'unavailable' : 'est-protocol', `the catalogue: ${status}`);
}

const cut = (error: unknown): Refusal =>
  error instanceof Refusal ? error : new Refusal('est-unreachable', 'the answer was cut', { cause: error });

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
    throw cut(error);
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

  async function ask(
    path: string,
    more: { headers?: Record<string, string>; json?: string },
    signal: AbortSignal,
  ): Promise<CheckedAnswer> {
    const { est, trust, identity } = await access();
    const url = new URL(`${cataloguePath}/${path}`, est);
    const answer = await askChecked({ url, trust, identity, at: moment(), ...more, signal, timeoutMilliseconds });
    if (answer.status >= 200 && answer.status < 300) return answer;
    try {
      throw await refusalOf(answer);
    } catch (error) {
      throw cut(error);
    } finally {
      answer.body.destroy();
    }
  }

  async function json<T extends TSchema>(schema: T, path: string): Promise<Static<T>> {
    const { body } = await ask(path, {}, wish.signal);
    try {
      const read = parseJson(schema, await bodyOf(body, largestBody));
      if (!read.ok) throw new Refusal('est-protocol', `the catalogue: ${describeFaults(read.faults)}`);
      return read.value;
    } catch (error) {
      throw cut(error);
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
      const answer = await ask(`blobs/${digest}`, { headers }, AbortSignal.any([signal, wish.signal]));
      return octets(answer, from);
    },
    async report(report) {
      const { body } = await ask('outcomes', { json: JSON.stringify(report) }, wish.signal);
      body.destroy();
    },
  };
}
