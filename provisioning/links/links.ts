/**
 * Which members a box is linked with. The box's own statement is what counts: a link begins when the box names what a
 * member has asked for, and ends when it does not name it any more. The provider can end a link, and cannot make one.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { verifyLinkRequest } from '#common/members/link-request.js';
import { askSeconds, codeSeconds, type LinksAnswer, type LinksStatement, mostLinks } from '#contract/links.js';
import { Refusal } from '#contract/problems.js';
import type { EventLog } from '../fleet/events.js';
import type { LinkBoxRecord, LinkCodeRecord, LinkRecord } from '../store/links.js';
import type { Store } from '../store/store.js';
import type { Turns } from '../store/turns.js';
import { type Book, type Held, isAsked, isInstalled, isLinked } from './book.js';
import type { Attempts, LinkMember, LinkMembers, Releases, Tell } from './parts.js';

export interface Links {
  /** What the box says is so; answers what it has to know. */
  take(box: string, statement: LinksStatement): Promise<LinksAnswer>;
  /**
   * Asked again with the same code, the same member gets the same answer.
   * @throws Refusal `link-request-invalid`, `link-code-unknown`, `link-exists`, `links-full`, `too-many-attempts`
   */
  ask(member: LinkMember, request: string, source: string): Promise<{ isNew: boolean; held: Held }>;
  /** Harmless for what has ended. @throws Refusal `link-unknown` */
  end(member: string, id: string): Promise<void>;
  /** The box has left or was revoked. */
  boxEnded(box: string): Promise<void>;
  memberExpelled(member: string): Promise<void>;
  /** What a cut left behind, and what is over. */
  sweep(): Promise<void>;
}

const madeWithinMilliseconds = 10 * 60_000;
export const endedKeptMilliseconds = 30 * 86_400_000;
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const newLinkId = (): string => `link-${[...randomBytes(16)].map((byte) => alphabet[byte & 31]).join('')}`;

export function createLinks(parts: {
  territory: string;
  store: Store;
  book: Book;
  clock: Clock;
  turns: Turns;
  members: LinkMembers;
  releases: Releases;
  attempts: { member: Attempts; source: Attempts };
  events: Pick<EventLog, 'compose'>;
  tell: Tell;
}): Links {
  const { territory, store, book, clock, turns, members, attempts } = parts;
  const { linkBoxes, linkCodes, offers } = store;

  const standingOf = (member: string) => members.find(member)?.standing ?? 'expelled';

  /** In one batch with the words for the operator. */
  async function commit(operations: readonly Operation[], told: readonly { box: string; text: string }[] = []) {
    const events = told.map(({ box, text }) => parts.events.compose({ type: 'link', box, text }));
    await store.commit([...operations, ...events.map(({ operation }) => operation)]);
    for (const event of events) event.tell();
  }

  async function openAsk(box: string, { code }: LinkBoxRecord): Promise<LinksAnswer['ask']> {
    const use = code === undefined ? undefined : (await linkCodes.get(code))?.use;
    const held = use && book.find(use.member, use.link);
    if (!held || held.record.box !== box || !isAsked(held.record)) return null;
    if (clock.now() - held.record.askedAt > askSeconds * 1000 || standingOf(held.member) !== 'good') return null;
    const { askedAt: at, request } = held.record;
    return { id: held.id, request, credential: members.credentialOf(held.member), at };
  }

  /** Of members in good standing, over links that there are. */
  async function openOffers(box: string): Promise<LinksAnswer['offers']> {
    return (await book.offersTo(box)).flatMap(({ app, offer }) => {
      const { link, member, version, releases, message, at, until } = offer;
      const record = book.find(member, link)?.record;
      if (!record || !isLinked(record) || standingOf(member) !== 'good') return [];
      if (until <= clock.now() || offer.declinedAt !== undefined || isInstalled(record, app, version)) return [];
      return [{ link, app, version, releases, ...(message === undefined ? {} : { message }), at, until }];
    });
  }

  async function codeOperations(
    box: string,
    before: string | undefined,
    code: LinksStatement['code'],
  ): Promise<{ code: string | undefined; operations: Operation[] }> {
    if (code?.hash === before) return { code: before, operations: [] };
    const old = before === undefined ? undefined : await linkCodes.get(before);
    // Once used it stays until it is swept: whoever asked with it may not have had the answer.
    const operations: Operation[] =
      before === undefined || old?.use ? [] : [{ type: 'del', sublevel: linkCodes, key: before }];
    if (!code || (await linkCodes.get(code.hash))) return { code: undefined, operations };
    const value: LinkCodeRecord = { box, expiresAt: clock.now() + code.seconds * 1000 };
    return {
      code: code.hash,
      operations: [...operations, { type: 'put', sublevel: linkCodes, key: code.hash, value }],
    };
  }

  /** Of the member's own; whatever else the box names is no business of this member's. */
  function installedOf(member: string, ids: readonly string[]): LinkRecord['installed'] {
    return ids.flatMap((release) => {
      const listed = parts.releases.find(release);
      return listed?.member === member ? [{ app: listed.app, version: listed.version, release }] : [];
    });
  }

  async function take(box: string, statement: LinksStatement): Promise<LinksAnswer> {
    const before: LinkBoxRecord = (await linkBoxes.get(box)) ?? { sequence: 0 };
    const ended: LinksAnswer['ended'] = [];
    const stated = new Map(statement.links.map((one) => [one.id, one]));
    const all = await book.ofBox(box);
    for (const id of stated.keys()) {
      const held = all.find((one) => one.id === id);
      if (!held || held.record.ended || standingOf(held.member) === 'expelled')
        ended.push({ id, by: held?.record.ended?.by === 'member' ? 'member' : 'provider' });
    }
    const answer = async (now: LinkBoxRecord): Promise<LinksAnswer> => ({
      sequence: now.sequence,
      ask: await openAsk(box, now),
      ended,
      offers: await openOffers(box),
    });
    if (statement.sequence <= before.sequence) return answer(before);

    const at = clock.now();
    const told: { box: string; text: string }[] = [];
    const { code, operations } = await codeOperations(box, before.code, statement.code);
    const waits = (code === undefined ? undefined : await linkCodes.get(code))?.use?.link;
    for (const held of all) {
      const { id, member, record } = held;
      const one = stated.get(id);
      if (record.ended || ended.some((over) => over.id === id)) continue;
      if (!one && id === waits) continue;
      if (!one) {
        operations.push(...(await book.end(held, { at, by: 'owner' })));
        told.push({ box, text: `${id} with member ${member} is ended by its owner` });
        continue;
      }
      if (record.since === undefined) told.push({ box, text: `${id}: its owner has confirmed member ${member}` });
      const value: LinkRecord = {
        ...record,
        since: record.since ?? at,
        installed: installedOf(member, one.installed),
      };
      operations.push(...book.put({ ...held, record: value }));
      for (const { app, version } of one.declined) {
        const offer = await offers.get(`${box}!${app}`);
        if (offer?.link === id && offer.version === version && offer.declinedAt === undefined)
          operations.push({ type: 'put', sublevel: offers, key: `${box}!${app}`, value: { ...offer, declinedAt: at } });
      }
    }
    const now: LinkBoxRecord = { sequence: statement.sequence, ...(code === undefined ? {} : { code }) };
    await commit([...operations, { type: 'put', sublevel: linkBoxes, key: box, value: now }], told);
    return answer(now);
  }

  async function askNow(member: LinkMember, jws: string, source: string) {
    const request = await verifyLinkRequest(jws, { jwk: member.jwk, territory, member: member.id });
    if (!request || Math.abs(request.at - clock.now()) > madeWithinMilliseconds)
      throw new Refusal('link-request-invalid');
    const wrong = (): Refusal => {
      attempts.member.failed(member.id);
      attempts.source.failed(source);
      return new Refusal('link-code-unknown');
    };
    const box = (await linkCodes.get(request.code))?.box;
    if (box === undefined) throw wrong();
    return turns.take(box, async () => {
      const code = await linkCodes.get(request.code);
      if (!code || !book.isLive(box)) throw wrong();
      if (code.use) {
        const held = code.use.member === member.id ? book.find(member.id, code.use.link) : undefined;
        if (held) return { isNew: false, held };
        throw wrong();
      }
      if (clock.now() >= code.expiresAt || (await linkBoxes.get(box))?.code !== request.code) throw wrong();
      const there = (await book.ofBox(box)).filter(({ record }) => !record.ended);
      const known = there.find((one) => one.member === member.id);
      if (known) throw new Refusal('link-exists', known.id);
      if (there.length >= mostLinks) throw new Refusal('links-full');
      const record: LinkRecord = {
        box,
        request: jws,
        ...(request.note === undefined ? {} : { note: request.note }),
        askedAt: clock.now(),
        installed: [],
        offeredAt: [],
      };
      const held: Held = { id: newLinkId(), member: member.id, record };
      const value: LinkCodeRecord = { ...code, use: { member: member.id, link: held.id } };
      const text = `${held.id}: member ${member.id} asks to be linked`;
      await commit(
        [...book.put(held), { type: 'put', sublevel: linkCodes, key: request.code, value }],
        [{ box, text }],
      );
      parts.tell([box]);
      return { isNew: true, held };
    });
  }

  /** Unless it has ended meanwhile. */
  const endOne = ({ member, id, record: { box } }: Held, by: 'member' | 'provider' | 'owner') =>
    turns.take(box, async () => {
      const held = book.find(member, id);
      if (!held || held.record.ended) return;
      const text = `${id} with member ${member} is ended by the ${by}`;
      await commit(await book.end(held, { at: clock.now(), by }), [{ box, text }]);
      parts.tell([box]);
    });

  async function boxEnded(box: string): Promise<void> {
    for (const held of await book.ofBox(box)) await endOne(held, 'provider');
    await turns.take(box, async () => {
      const code = (await linkBoxes.get(box))?.code;
      await commit([
        { type: 'del', sublevel: linkBoxes, key: box },
        ...(code === undefined ? [] : [{ type: 'del', sublevel: linkCodes, key: code } as const]),
      ]);
    });
  }

  return {
    take: (box, statement) => turns.take(box, () => take(box, statement)),

    async ask(member, request, source) {
      attempts.member.check(member.id);
      attempts.source.check(source);
      return askNow(member, request, source);
    },

    async end(member, id) {
      const held = book.find(member, id);
      if (!held) throw new Refusal('link-unknown', id);
      await endOne(held, 'member');
    },

    boxEnded,

    async memberExpelled(member) {
      for await (const held of book.ofMember(member)) await endOne(held, 'provider');
    },

    async sweep() {
      const now = clock.now();
      for await (const box of linkBoxes.keys()) if (!book.isLive(box)) await boxEnded(box);
      for await (const [hash, { expiresAt }] of linkCodes.iterator())
        if (expiresAt + askSeconds * 1000 < now) await commit([{ type: 'del', sublevel: linkCodes, key: hash }]);
      for await (const [key, record] of store.links.iterator()) {
        const [member = '', id = ''] = key.split('!');
        const held: Held = { id, member, record };
        if (record.ended && record.ended.at + endedKeptMilliseconds < now)
          await turns.take(record.box, () => commit(book.drop(held)));
        else if (!record.ended && standingOf(member) === 'expelled') await endOne(held, 'provider');
        else if (isAsked(record) && record.askedAt + (askSeconds + codeSeconds) * 1000 < now)
          await endOne(held, 'owner');
      }
    },
  };
}
