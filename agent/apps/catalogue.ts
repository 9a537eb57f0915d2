/** The territory's catalogue, as a box asks for it: by mutual TLS, with its own path validation of the server. */
import type { Static, TSchema } from 'typebox';
import { bodyOf, type CheckedAnswer, cutAnswer, getChecked, postChecked, refusalOf } from '#common/checked-https.js';
import type { ClientIdentity, Trust } from '#common/checked-tls.js';
import { octetsOf, rangeFrom } from '#common/octets.js';
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
      const answer = await get(`blobs/${digest}`, rangeFrom(from), AbortSignal.any([signal, wish.signal]));
      return octetsOf(answer, from, 'the catalogue');
    },
    async report(report) {
      const { body } = await good(await postChecked({ ...(await to('outcomes', wish.signal)), json: report }));
      body.destroy();
    },
  };
}
