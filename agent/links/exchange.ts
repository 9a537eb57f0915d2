/**
 * Telling the provider what is so, until it has heard it, and taking in what it answers: who asks, what has ended, what is
 * offered. One exchange at a time. Whatever the answer says of others is verified before it is kept.
 */
import { verifyLinkRequest } from '#common/members/link-request.js';
import { linkCodeHash, linkProof, parseLinkCode } from '#contract/link-code.js';
import { type LinksAnswer, LinksNews, mostOffers } from '#contract/links.js';
import { parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { LinkRow, OfferRow } from './book.js';
import type { Managers } from './mandates.js';
import type { LinkParts } from './parts.js';
import type { LinkState } from './state.js';

export interface Exchange {
  /** Asks anew; resolves at once. */
  refresh(): void;
  /** `LinksNews`, as it came: what it says is not believed, only asked after, and no oftener than every few seconds. */
  hear(news: Uint8Array): void;
  /** Links that have ended with the box's place in its territory, or with the member. */
  endStale(): Promise<void>;
  /** Asks now and each day. */
  start(): void;
  idle(): Promise<void>;
  stop(): Promise<void>;
}

const day = 86_400_000;
/** Between two questions that news gives rise to. */
const betweenMilliseconds = 2000;
const firstPause = 5000;
const longestPause = 600_000;

export const asRefusal = (error: unknown): Refusal =>
  error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error });

export function createExchange(
  { state, managers }: { state: LinkState; managers: Managers },
  { store, clock, own, members, desk, say, architecture, onRefused }: LinkParts,
): Exchange {
  const { book, about, memberOf, isOf } = state;
  const stopping = new AbortController();
  let woken = new AbortController();
  let running: Promise<void> | undefined;
  let looking: Promise<void> | undefined;
  let hearing: Promise<void> | undefined;
  let isWanted = false;
  /** Seconds that the next question may wait; undefined when nothing was heard. */
  let heard: number | undefined;

  async function endOne(row: LinkRow, by: 'box' | 'provider', why: string): Promise<void> {
    await state.decide(() => {
      if (!book.link(row.id)) return undefined;
      if (row.manager) managers.end(row.manager);
      return {
        decision: { by, type: 'link.ended', facts: { ...about(row), why } },
        change: { ended: [row.id] },
      };
    });
    await managers.turnBack(row.id);
  }

  async function endStale(): Promise<void> {
    const mine = own();
    for (const row of mine ? book.links() : [])
      if (row.box !== mine?.box) await endOne(row, 'box', 'moved');
      else if (memberOf(row)?.standing === 'expelled') await endOne(row, 'box', 'expelled');
  }

  async function hearAsk(told: LinksAnswer['ask'], territory: string): Promise<void> {
    const before = state.ask;
    const code = parseLinkCode(book.code()?.code ?? '');
    state.ask = undefined;
    try {
      if (!told || code === undefined || book.link(told.id)) return;
      const { id, request: jws, credential, at } = told;
      let judged = await members.judge(credential);
      if (judged.may !== 'install') {
        await members.refresh().catch(() => {}); // what is held goes on to count
        judged = await members.judge(credential);
      }
      const { member } = judged;
      const who = { territory, member: member.id };
      const request = await verifyLinkRequest(jws, { jwk: judged.credential.cnf.jwk, ...who });
      // Only who was told the code knows the proof, and for itself alone: a provider cannot ask in a company's name.
      const isRight = request?.code === linkCodeHash(code) && request.proof === linkProof(code, who);
      if (!isRight || member.territory !== territory) throw new Refusal('link-request-invalid', member.id);
      state.ask = { id, credential, member, note: request.note ?? null, at };
    } catch (error) {
      onRefused(asRefusal(error));
    } finally {
      if (state.ask?.id !== before?.id) state.tell();
    }
  }

  /** Verified as any release, and of the member of this very link. */
  async function verified(told: LinksAnswer['offers'][number], row: LinkRow, release: string): Promise<OfferRow> {
    const { manifest, member } = await desk.look(release);
    if (!isOf(row, member) || manifest.id !== told.app || manifest.version !== told.version)
      throw new Refusal('release-member-other', `${member.id}, offered by ${row.member}`);
    const { app, version, message = null, at, until } = told;
    return { release, link: row.id, app, version, name: manifest.name, message, at, until, declined: false };
  }

  async function hearOffers(told: LinksAnswer['offers']): Promise<void> {
    const named = new Set<string>();
    const counts = new Map<string, number>();
    for (const one of told) {
      const release = one.releases.find((fitting) => fitting.architecture === architecture)?.release;
      const row = book.link(one.link);
      const count = (counts.get(one.link) ?? 0) + 1;
      if (release === undefined || !row || count > mostOffers) continue;
      counts.set(one.link, count);
      named.add(release);
      const before = book.offer(release);
      if (before?.declined || (before?.until === one.until && before.at === one.at)) continue;
      try {
        await state.commit({ offers: [await verified(one, row, release)] });
      } catch (error) {
        onRefused(asRefusal(error));
      }
    }
    const gone = book.offers().flatMap(({ release }) => (named.has(release) ? [] : [release]));
    if (gone.length > 0) await state.commit({ gone });
  }

  /** What is within a manager's mandate goes ahead; all else waits for the owner. */
  async function act(): Promise<void> {
    for (const offer of book.offers().filter(state.isOpen))
      if (book.link(offer.link)?.manager && !stopping.signal.aborted)
        await desk.manage(offer.release).catch((error: unknown) => onRefused(asRefusal(error)));
  }

  /** Answers whether there is more to say. */
  async function exchange(): Promise<boolean> {
    await endStale();
    const mine = own();
    if (!mine) return false;
    const sequence = book.meta().sequence + 1;
    const counted = { meta: { ...book.meta(), sequence } };
    await store.commit(book.operations(counted));
    book.apply(counted);
    const told = state.gist(mine.box);
    const answer = await say({ sequence, ...state.statement(mine.box) });
    if (own()?.box !== mine.box) return true; // it has moved meanwhile
    // A later statement was taken, as when this box's disk was put back: what is so now is said above it.
    if (answer.sequence !== sequence) {
      await state.commit({ meta: { ...book.meta(), sequence: answer.sequence } });
      return true;
    }
    await state.commit({ meta: { sequence, told } });
    for (const { id, by } of answer.ended) {
      const row = book.link(id);
      if (row) await endOne(row, 'provider', by);
    }
    await hearAsk(answer.ask, mine.territory);
    await hearOffers(answer.offers);
    await act();
    return !state.isTold();
  }

  /** Until the provider has heard it. */
  async function run(): Promise<void> {
    let pause = firstPause;
    while (isWanted && !stopping.signal.aborted) {
      isWanted = false;
      woken = new AbortController();
      try {
        isWanted = (await exchange()) || isWanted;
        pause = firstPause;
      } catch (error) {
        if (stopping.signal.aborted) return;
        const isAlone = error instanceof Refusal && error.code === 'not-a-member';
        if (!isAlone) onRefused(asRefusal(error));
        // Where nothing waits to be heard, the next connection or the daily look asks again.
        if (isAlone || state.isTold()) continue;
        await clock.sleep(pause * (0.5 + Math.random() / 2), AbortSignal.any([stopping.signal, woken.signal]));
        pause = Math.min(pause * 2, longestPause);
        isWanted = true;
      }
    }
  }

  function refresh(): void {
    if (stopping.signal.aborted) return;
    isWanted = true;
    woken.abort();
    running ??= run().finally(() => {
      running = undefined;
      if (isWanted) refresh(); // asked for as the last one ended
    });
  }

  /** What is heard while one question waits its turn is asked after once more. */
  async function askSoon(): Promise<void> {
    for (let spread = heard; spread !== undefined && !stopping.signal.aborted; spread = heard) {
      heard = undefined;
      await clock.sleep(Math.random() * spread * 1000, stopping.signal);
      refresh();
      await clock.sleep(betweenMilliseconds, stopping.signal);
    }
    hearing = undefined;
  }

  async function look(): Promise<void> {
    while (!stopping.signal.aborted) {
      refresh();
      await clock.sleep(day * (0.9 + Math.random() / 10), stopping.signal);
    }
  }

  return {
    refresh,
    hear(news) {
      const read = parseJson(LinksNews, news);
      if (!read.ok || stopping.signal.aborted) return;
      heard = Math.min(heard ?? Number.POSITIVE_INFINITY, read.value.spreadSeconds);
      hearing ??= askSoon();
    },
    endStale,
    start() {
      looking ??= look();
    },
    async idle() {
      while (running) await running;
    },
    async stop() {
      stopping.abort();
      await Promise.all([looking, running, hearing]);
    },
  };
}
