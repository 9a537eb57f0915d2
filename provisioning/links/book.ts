/**
 * The links as they stand in the store, and how they end. A link's record, its offers and its box's are altered in the
 * box's turn, and in one synced batch.
 */

import type { Operation } from '#common/commits.js';
import { compareVersions } from '#contract/manifest.js';
import type { LinkRecord, OfferRecord } from '../store/links.js';
import type { Store } from '../store/store.js';

export interface Held {
  id: string;
  member: string;
  record: LinkRecord;
}

export const isAsked = ({ since, ended }: LinkRecord): boolean => since === undefined && ended === undefined;
export const isLinked = ({ since, ended }: LinkRecord): boolean => since !== undefined && ended === undefined;

const behind = (prefix: string) => ({ gte: `${prefix}!`, lt: `${prefix}"` }); // the character after the separator
export const linkKey = (member: string, id: string): string => `${member}!${id}`;

export function createBook(store: Store) {
  const { boxes, links, linkPlaces, offers } = store;

  const book = {
    isLive(box: string): boolean {
      const record = boxes.getSync(box);
      return record !== undefined && record.revokedAt === undefined;
    },
    find(member: string, id: string): Held | undefined {
      const record = links.getSync(linkKey(member, id));
      return record && { id, member, record };
    },
    /** Of this box, those that have ended too. */
    async ofBox(box: string): Promise<Held[]> {
      const places = await linkPlaces.iterator(behind(box)).all();
      return places.flatMap(([key, member]) => book.find(member, key.slice(box.length + 1)) ?? []);
    },
    /** Of this member, in the order of their ids, from the one after `after` on. */
    async *ofMember(member: string, after = ''): AsyncIterable<Held> {
      const { lt } = behind(member);
      for await (const [key, record] of links.iterator({ gt: linkKey(member, after), lt }))
        yield { id: key.slice(member.length + 1), member, record };
    },
    async offersTo(box: string): Promise<{ app: string; offer: OfferRecord }[]> {
      const all = await offers.iterator(behind(box)).all();
      return all.map(([key, offer]) => ({ app: key.slice(box.length + 1), offer }));
    },
    put: ({ id, member, record }: Held): Operation[] => [
      { type: 'put', sublevel: links, key: linkKey(member, id), value: record },
      { type: 'put', sublevel: linkPlaces, key: `${record.box}!${id}`, value: member },
    ],
    /** With all that was offered over it. */
    async end(held: Held, ended: NonNullable<LinkRecord['ended']>): Promise<Operation[]> {
      const { box } = held.record;
      const its = (await book.offersTo(box)).filter(({ offer }) => offer.link === held.id);
      return [
        ...book.put({ ...held, record: { ...held.record, ended } }),
        ...its.map(({ app }): Operation => ({ type: 'del', sublevel: offers, key: `${box}!${app}` })),
      ];
    },
    drop: ({ id, member, record }: Held): Operation[] => [
      { type: 'del', sublevel: links, key: linkKey(member, id) },
      { type: 'del', sublevel: linkPlaces, key: `${record.box}!${id}` },
    ],
  };
  return book;
}
export type Book = ReturnType<typeof createBook>;

/** The version of the app that runs there, or a newer one. */
export const isInstalled = ({ installed }: LinkRecord, app: string, version: string): boolean =>
  installed.some((one) => one.app === app && compareVersions(one.version, version) >= 0);
