/** Links over HTTP, on the territory's EST origin: see contract/links.ts. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Static, TSchema } from 'typebox';
import { Type } from 'typebox';
import { sourceOf } from '#common/source.js';
import { buildCursor, parseCursor } from '#contract/cursor.js';
import {
  type LinksAnswer,
  LinksStatement,
  linksPath,
  type MemberLink,
  type MemberLinks,
  NewLink,
  NewOffer,
  type OfferResult,
  WithdrawnOffer,
} from '#contract/links.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { type Book, type Held, isAsked, isInstalled } from './book.js';
import { endedKeptMilliseconds, type Links } from './links.js';
import type { LinkOffers } from './offers.js';
import type { LinkMember } from './parts.js';

export interface Callers {
  member(request: FastifyRequest): Promise<LinkMember>;
  box(request: FastifyRequest): Promise<string>;
}

const perPage = 100;
const bodyLimit = 128 * 1024;
const Query = Type.Object({ cursor: Type.Optional(Type.String({ maxLength: 500 })) });

function wanted<T extends TSchema>(schema: T, value: unknown): Static<T> {
  const parsed = check(schema, value);
  if (parsed.ok) return parsed.value;
  throw new Refusal('body-invalid', describeFaults(parsed.faults));
}

export async function showLink(book: Book, { id, record }: Held): Promise<MemberLink> {
  const { box, note, askedAt, since, ended, installed } = record;
  const its = (await book.offersTo(box)).filter(({ offer }) => offer.link === id);
  return {
    id,
    state: ended ? 'ended' : isAsked(record) ? 'asked' : 'linked',
    ...(note === undefined ? {} : { note }),
    askedAt,
    since: since ?? null,
    ended: ended ?? null,
    installed: ended ? [] : installed,
    offers: its.map(({ app, offer: { version, at, until, declinedAt } }) => {
      const is = declinedAt !== undefined ? 'declined' : isInstalled(record, app, version) ? 'installed' : 'offered';
      return { app, version, state: is, at, until };
    }),
  };
}

export function declareLinkRoutes(
  app: FastifyInstance,
  parts: { links: Links; offers: LinkOffers; book: Book; clock: { now(): number }; callers: Callers },
): void {
  const { links, offers, book, clock, callers } = parts;
  /** Before the body is read: a stranger's is not. */
  const members = new WeakMap<FastifyRequest, LinkMember>();
  const boxes = new WeakMap<FastifyRequest, string>();
  const byMember = {
    bodyLimit,
    onRequest: async (request: FastifyRequest) => void members.set(request, await callers.member(request)),
  };
  const byBox = {
    bodyLimit,
    onRequest: async (request: FastifyRequest) => void boxes.set(request, await callers.box(request)),
  };
  function memberOf(request: FastifyRequest): LinkMember {
    const member = members.get(request);
    if (!member) throw new Refusal('credential-missing');
    return member;
  }

  app.post(`${linksPath}/box`, byBox, async (request): Promise<LinksAnswer> => {
    const box = boxes.get(request);
    if (box === undefined) throw new Refusal('certificate-missing');
    return links.take(box, wanted(LinksStatement, request.body));
  });

  app.post(linksPath, byMember, async (request, reply): Promise<MemberLink> => {
    const { request: jws } = wanted(NewLink, request.body);
    const { isNew, held } = await links.ask(memberOf(request), jws, sourceOf(request.ip));
    reply.code(isNew ? 201 : 200);
    return showLink(book, held);
  });

  app.get(linksPath, byMember, async (request): Promise<MemberLinks> => {
    const { id: member } = memberOf(request);
    const { cursor } = wanted(Query, request.query);
    const after = cursor === undefined ? '' : parseCursor(member, cursor);
    if (after === undefined) throw new Refusal('cursor-invalid');
    const found: MemberLink[] = [];
    for await (const held of book.ofMember(member, after)) {
      if (held.record.ended && held.record.ended.at + endedKeptMilliseconds < clock.now()) continue;
      found.push(await showLink(book, held));
      if (found.length === perPage) return { links: found, cursor: buildCursor(member, held.id) };
    }
    return { links: found, cursor: null };
  });

  app.delete<{ Params: { id: string } }>(`${linksPath}/:id`, byMember, async (request, reply) => {
    await links.end(memberOf(request).id, request.params.id);
    return reply.code(204).send();
  });

  app.post(`${linksPath}/offers`, byMember, async (request): Promise<OfferResult> => {
    const { id } = memberOf(request);
    return offers.offer(id, wanted(NewOffer, request.body));
  });

  app.delete<{ Params: { release: string } }>(
    `${linksPath}/offers/:release`,
    byMember,
    async (request): Promise<OfferResult> => {
      const { id } = memberOf(request);
      return offers.withdraw(id, request.params.release, wanted(WithdrawnOffer, request.body));
    },
  );
}
