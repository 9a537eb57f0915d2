/** What agreements and statements of usage have in common: how one message is taken, and how listings are paged. */
import { Refusal } from '#contract/problems.js';

/**
 * Each by itself, in order: what is refused does not hold back the others.
 * @param about what is answered beside a refusal
 */
export async function takeEach<T, M extends object = object>(
  all: readonly T[],
  take: (one: T) => Promise<void>,
  about?: (one: T) => Promise<M | undefined>,
) {
  const taken: ({ refused: { code: string; detail: string } | null } & Partial<M>)[] = [];
  for (const one of all)
    try {
      await take(one);
      taken.push({ refused: null } as (typeof taken)[number]);
    } catch (error) {
      // The others are the owner's as much; what the disk does not take is no answer at all.
      if (!(error instanceof Refusal) || error.status >= 500) throw error;
      const refused = { code: error.code, detail: error.detail ?? '' };
      taken.push({ refused, ...(await about?.(one)) } as (typeof taken)[number]);
    }
  return { taken };
}

/** So many of those that are meant, in order: a page with fewer is the last one. */
export async function pageOf<T>(
  records: AsyncIterable<T>,
  limit: number,
  isMeant: (record: T) => boolean | Promise<boolean>,
): Promise<T[]> {
  const page: T[] = [];
  for await (const record of records) {
    if (await isMeant(record)) page.push(record);
    if (page.length === limit) break;
  }
  return page;
}

interface Index {
  keys(range: { gt: string; lt: string }): AsyncIterable<string>;
}

/** Behind `{owner}!{after}` in the index, whose keys are `{owner}!{key of the record}`. */
export async function* recordsUnder<T>(
  { index, read }: { index: Index; read: (key: string) => Promise<T | undefined> },
  owner: string,
  after: string,
): AsyncGenerator<T> {
  for await (const key of index.keys({ gt: `${owner}!${after}`, lt: `${owner}"` })) {
    const record = await read(key.slice(owner.length + 1));
    if (record) yield record;
  }
}
