/**
 * The box's links with companies. What counts is what stands here, by its owner's signed decision: who is linked, and who
 * may decide what in the owner's name. The provider carries codes, requests and offers; it is told what was decided until
 * it has heard it, and can make neither a link nor a manager.
 */
import { randomBytes } from 'node:crypto';
import type { AppMember } from '#contract/installed.js';
import { newLinkCode } from '#contract/link-code.js';
import { codeSeconds, mostLinks } from '#contract/links.js';
import type { Appointment, LinksView, Manager } from '#contract/owner-links.js';
import { Refusal } from '#contract/problems.js';
import type { Mandates } from '../apps/mandate.js';
import type { OwnerSigner } from '../consent/ledger.js';
import { createActs } from './acts.js';
import type { LinkRow } from './book.js';
import { asRefusal, createExchange, type Exchange } from './exchange.js';
import { isOver } from './manager.js';
import { createManagers } from './mandates.js';
import type { LinkParts } from './parts.js';
import { type Ask, openState } from './state.js';

/** What the owner does. Each decision is signed into the ledger, with what it changes. */
export interface OwnerLinks {
  view(): LinksView;
  /** Shown until it is used or over; a new one takes the place of the last. @throws Refusal `not-a-member`, `links-full` */
  showCode(): Promise<void>;
  hideCode(): Promise<void>;
  /** @throws Refusal `link-ask-unknown`, `links-full`, and why the company may not be linked now */
  confirm(ask: string, signer: OwnerSigner): Promise<void>;
  /** @throws Refusal `link-ask-unknown` */
  refuse(ask: string, signer: OwnerSigner): Promise<void>;
  /** @throws Refusal `link-unknown` */
  end(link: string, signer: OwnerSigner): Promise<void>;
  /** @throws Refusal `offer-unknown` */
  decline(release: string, signer: OwnerSigner): Promise<void>;
  /** @throws Refusal `link-unknown`, `manager-end-past`, `manager-too-long`, and why the company may do nothing now */
  appoint(link: string, wish: Omit<Appointment, 'word'>, signer: OwnerSigner): Promise<void>;
  /** At once: what was begun and is not done is taken back. Harmless for who is none. @throws Refusal `link-unknown` */
  dismiss(link: string, signer: OwnerSigner): Promise<void>;
  onChange(listener: () => void): () => void;
}

export interface LinkRoom extends OwnerLinks, Pick<Exchange, 'hear' | 'refresh' | 'idle' | 'stop'> {
  mandates: Mandates;
  /** Behind the change runner. */
  start(): Promise<void>;
}

const longestFact = 2000;

export async function createLinkRoom(parts: LinkParts): Promise<LinkRoom> {
  const { clock, own, members, desk, onRefused } = parts;
  const state = await openState(parts);
  const { book, known, about, memberOf, decide } = state;
  const managers = createManagers({ state }, parts);
  const exchange = createExchange({ state, managers }, parts);
  const acts = createActs(parts);
  const { refresh } = exchange;
  const stopping = new AbortController();
  let endWatching: (() => void)[] = [];

  /** @throws Refusal why this member may be given nothing now */
  async function inGoodStanding(credential: string): Promise<AppMember> {
    const { may, problem, member } = await members.judge(credential);
    if (may !== 'install') throw problem ?? new Refusal('member-standing', member.name);
    return member;
  }

  /** @throws Refusal `link-ask-unknown` */
  function asked(id: string): Ask {
    if (state.ask?.id !== id) throw new Refusal('link-ask-unknown');
    return state.ask;
  }

  function answered(): void {
    state.ask = undefined;
    state.tell();
    refresh();
  }

  return {
    mandates: managers,
    onChange: state.onChange,
    hear: exchange.hear,
    idle: exchange.idle,
    refresh,

    view() {
      const mine = own();
      const now = clock.now();
      const { ask } = state;
      const code = book.code();
      const isShown = code !== null && code.box === mine?.box && code.expiresAt > now && !ask;
      return {
        code: isShown ? { code: code.code, expiresAt: code.expiresAt } : null,
        ask: ask ? { id: ask.id, member: ask.member, note: ask.note, at: ask.at } : null,
        links: book.links().flatMap((row) => {
          const member = row.box === mine?.box ? memberOf(row) : undefined;
          const { id, note, since, manager } = row;
          return member
            ? [{ id, member, note, since, manager: manager && !isOver(manager, now) ? manager : null }]
            : [];
        }),
        offers: book.offers().flatMap((offer) => {
          const row = book.link(offer.link);
          const member = row && memberOf(row);
          if (member?.standing !== 'good' || !state.isOpen(offer)) return [];
          const { release, app, version, name, link, message, at, until } = offer;
          const installed = desk.show(app)?.manifest.version ?? null;
          return [{ release, app, version, name, installed, link, member, message, at, until }];
        }),
        acts: acts.list(),
        told: state.isTold(),
      };
    },

    async showCode() {
      const mine = own();
      if (!mine) throw new Refusal('not-a-member');
      if (book.links().length >= mostLinks) throw new Refusal('links-full');
      state.ask = undefined;
      const expiresAt = clock.now() + codeSeconds * 1000;
      await state.commit({ code: { code: newLinkCode(), box: mine.box, expiresAt } });
      refresh();
      // Whoever looks at it then sees that it is over.
      void clock.sleep(codeSeconds * 1000, stopping.signal).then(() => stopping.signal.aborted || state.tell());
    },

    async hideCode() {
      state.ask = undefined;
      await state.commit({ code: null });
      refresh();
    },

    async confirm(id, signer) {
      const { credential, note } = asked(id);
      const member = await inGoodStanding(credential);
      const mine = own();
      if (!mine) throw new Refusal('not-a-member');
      const row: LinkRow = {
        ...{ id, box: mine.box, territory: member.territory, member: member.id, credential, note },
        ...{ since: clock.now(), manager: null },
      };
      await decide(() => {
        asked(id);
        if (book.links().length >= mostLinks) throw new Refusal('links-full');
        const facts = { ...about(row), box: mine.box, ...(note === null ? {} : { note }) };
        return { decision: { by: 'owner', type: 'link.confirmed', facts }, change: { code: null, links: [row] } };
      }, signer);
      answered();
    },

    async refuse(id, signer) {
      await decide(() => {
        const { member } = asked(id);
        const facts = { link: id, member: member.id, territory: member.territory, name: member.name };
        return { decision: { by: 'owner', type: 'link.refused', facts }, change: { code: null } };
      }, signer);
      answered();
    },

    async end(id, signer) {
      await decide(() => {
        const row = known(id);
        if (row.manager) managers.end(row.manager);
        const facts = { ...about(row), why: 'owner' };
        return { decision: { by: 'owner', type: 'link.ended', facts }, change: { ended: [id] } };
      }, signer);
      await managers.turnBack(id);
      refresh();
    },

    async decline(release, signer) {
      await decide(() => {
        const offer = book.offer(release);
        const row = offer && book.link(offer.link);
        if (!offer || !row || !state.isOpen(offer)) throw new Refusal('offer-unknown', release);
        const { app, version } = offer;
        const facts = { ...about(row), app, version, release };
        return {
          decision: { by: 'owner', type: 'offer.declined', facts },
          change: { offers: [{ ...offer, declined: true }] },
        };
      }, signer);
      refresh();
    },

    async appoint(id, { until, ...limits }, signer) {
      await inGoodStanding(known(id).credential);
      if (until !== undefined && until <= clock.now()) throw new Refusal('manager-end-past');
      const capabilities = limits.capabilities.join(', ');
      if (capabilities.length > longestFact) throw new Refusal('manager-too-long');
      const appointment = randomBytes(8).toString('hex');
      const manager: Manager = { ...limits, appointment, appointedAt: clock.now(), until: until ?? null };
      await decide(() => {
        const row = known(id);
        if (row.manager) managers.end(row.manager);
        const { apps, storageMiB, memoryMiB } = limits;
        const facts = {
          ...{ ...about(row), appointment, capabilities, apps, storageMiB, memoryMiB, terms: true },
          ...(until === undefined ? {} : { until }),
        };
        return {
          decision: { by: 'owner', type: 'manager.appointed', facts },
          change: { links: [{ ...row, manager }] },
        };
      }, signer);
      await managers.turnBack(id); // what was begun under other limits is judged anew
      refresh();
    },

    async dismiss(id, signer) {
      await decide(() => {
        const row = known(id);
        if (!row.manager) return undefined;
        managers.end(row.manager);
        const facts = { ...about(row), appointment: row.manager.appointment };
        return {
          decision: { by: 'owner', type: 'manager.dismissed', facts },
          change: { links: [{ ...row, manager: null }] },
        };
      }, signer);
      await managers.turnBack(id);
    },

    async start() {
      await managers.start();
      await acts.start();
      endWatching = [
        members.onChange(() => {
          void exchange.endStale().catch((error: unknown) => onRefused(asRefusal(error)));
          refresh();
        }),
        desk.onChange(() => {
          if (!state.isTold()) refresh();
        }),
      ];
      exchange.start();
    },

    async stop() {
      stopping.abort();
      for (const end of endWatching) end();
      acts.stop();
      await exchange.stop();
    },
  };
}
