/**
 * What members offer over their links. An offer makes a release visible to that box, and is no more than a word to its
 * owner: the box verifies the release as any other.
 */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import {
  declinedSeconds,
  mostOffers,
  mostOffersWeekly,
  type NewOffer,
  type OfferedRelease,
  type OfferResult,
  usualOfferDays,
  type WithdrawnOffer,
} from '#contract/links.js';
import { Refusal } from '#contract/problems.js';
import type { Listed } from '../catalogue/registry.js';
import type { OfferRecord } from '../store/links.js';
import type { Store } from '../store/store.js';
import type { Turns } from '../store/turns.js';
import { type Book, isInstalled, isLinked } from './book.js';
import type { Releases, Tell } from './parts.js';

export interface LinkOffers {
  /** What can not be offered over one link does not keep it from the others. @throws Refusal `listing-unknown`, `release-ended` */
  offer(member: string, wish: NewOffer): Promise<OfferResult>;
  /** @throws Refusal `listing-unknown` */
  withdraw(member: string, release: string, wish: WithdrawnOffer): Promise<OfferResult>;
  /** What is over. */
  sweep(): Promise<void>;
}

const day = 86_400_000;

export function createLinkOffers(parts: {
  store: Store;
  book: Book;
  clock: Clock;
  turns: Turns;
  releases: Releases;
  tell: Tell;
}): LinkOffers {
  const { store, book, clock, turns, releases, tell } = parts;
  const { offers } = store;

  /** @throws Refusal `listing-unknown`, also for another member's */
  function own(member: string, release: string): Listed {
    const found = releases.find(release);
    if (found?.member !== member) throw new Refusal('listing-unknown', release);
    return found;
  }

  /** The same version for each architecture, as far as it was published. */
  async function fitting({ app, version, channel, member }: Listed): Promise<OfferedRelease[]> {
    const all = await releases.releasesOf(app);
    return all
      .filter((one) => !one.ended && one.version === version && one.channel === channel && one.member === member)
      .map(({ id: release, architecture }) => ({ release, architecture }));
  }

  async function idsOf(member: string, links: NewOffer['links']): Promise<string[]> {
    if (links !== 'all') return links;
    const ids: string[] = [];
    for await (const { id, record } of book.ofMember(member)) if (isLinked(record)) ids.push(id);
    return ids;
  }

  /** One after the other; answers for each what became of it, and tells the boxes of those where something did. */
  async function each(
    member: string,
    links: NewOffer['links'],
    work: (id: string) => Promise<string | undefined>,
  ): Promise<OfferResult> {
    const result: OfferResult = { done: [], refused: [] };
    const boxes: string[] = [];
    for (const link of await idsOf(member, links)) {
      try {
        const box = await work(link);
        if (box !== undefined) boxes.push(box);
        result.done.push(link);
      } catch (error) {
        if (!(error instanceof Refusal)) throw error;
        result.refused.push({ link, code: error.code, detail: error.detail ?? error.problem.title });
      }
    }
    tell(boxes);
    return result;
  }

  /** @throws Refusal `link-unknown` */
  function linked(member: string, id: string) {
    const held = book.find(member, id);
    if (!held || !isLinked(held.record)) throw new Refusal('link-unknown', id);
    return held;
  }

  /** Undefined when it is offered already, just so. */
  async function offerOne(
    member: string,
    id: string,
    wish: { listed: Listed; releases: OfferedRelease[]; message: string | undefined; until: number },
  ): Promise<string | undefined> {
    const { listed, releases: its, message, until } = wish;
    const { app, version } = listed;
    const { box } = linked(member, id).record;
    return turns.take(box, async () => {
      const held = linked(member, id);
      const now = clock.now();
      const key = `${box}!${app}`;
      const before = await offers.get(key);
      if (before?.declinedAt !== undefined) {
        if (before.version === version || now < before.declinedAt + declinedSeconds * 1000)
          throw new Refusal('offer-declined', `${app} ${before.version}`);
      } else if (before?.version === version && before.message === message && before.link === id) return undefined;
      if (isInstalled(held.record, app, version)) throw new Refusal('offer-installed', `${app} ${version}`);
      const open = (await book.offersTo(box)).filter(
        ({ app: other, offer }) => offer.link === id && other !== app && offer.until > now && !offer.declinedAt,
      );
      const recent = held.record.offeredAt.filter((at) => at > now - 7 * day);
      if (open.length >= mostOffers || recent.length >= mostOffersWeekly) throw new Refusal('offers-full', id);
      const value: OfferRecord = {
        ...{ link: id, member, version, releases: its, at: now, until },
        ...(message === undefined ? {} : { message }),
      };
      await store.commit([
        { type: 'put', sublevel: offers, key, value },
        ...book.put({ ...held, record: { ...held.record, offeredAt: [...recent, now] } }),
      ]);
      return box;
    });
  }

  return {
    async offer(member, { release, links, message, days = usualOfferDays }) {
      const listed = own(member, release);
      if (listed.ended) throw new Refusal('release-ended', listed.ended.reason);
      const its = await fitting(listed);
      const until = clock.now() + days * day;
      return each(member, links, (id) => offerOne(member, id, { listed, releases: its, message, until }));
    },

    async withdraw(member, release, { links }) {
      const { app, version } = own(member, release);
      return each(member, links, async (id) => {
        const { box } = linked(member, id).record;
        return turns.take(box, async () => {
          const key = `${box}!${app}`;
          const offer = await offers.get(key);
          if (offer?.link !== id || offer.version !== version || offer.declinedAt !== undefined) return undefined;
          await store.commit([{ type: 'del', sublevel: offers, key }]);
          return box;
        });
      });
    },

    async sweep() {
      const now = clock.now();
      const over: Operation[] = [];
      for await (const [key, { until, declinedAt = 0 }] of offers.iterator())
        if (until < now && declinedAt + declinedSeconds * 1000 < now) over.push({ type: 'del', sublevel: offers, key });
      await store.commit(over);
    },
  };
}
