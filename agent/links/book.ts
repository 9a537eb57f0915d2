/**
 * What the box knows of its links, durable: the code that is shown, the links that its owner has confirmed, with whom they
 * appointed manager, and what is offered. The owner's decisions are written with their entry in the ledger, in one synced
 * batch; nothing of this is ever taken from the provider alone but offers, which prove nothing.
 */
import { type Static, type TSchema, Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { Time } from '#contract/health.js';
import { LinkId, LinkNote, OfferMessage } from '#contract/links.js';
import { Manifest, ReleasedAppId, Version } from '#contract/manifest.js';
import { MemberId } from '#contract/member.js';
import { Manager } from '#contract/owner-links.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { ReleaseId } from '#contract/release.js';

const open = { additionalProperties: true } as const;

const CodeRow = Type.Object({ code: Type.String(), box: Type.String(), expiresAt: Time }, open);
export type CodeRow = Static<typeof CodeRow>;

export const LinkRow = Type.Object(
  {
    id: LinkId,
    /** Whose this link is: as another box, or in another territory, this one has none. */
    box: Type.String(),
    territory: Type.String(),
    member: MemberId,
    credential: Type.String(),
    note: Type.Union([LinkNote, Type.Null()]),
    since: Time,
    manager: Type.Union([Manager, Type.Null()]),
  },
  open,
);
export type LinkRow = Static<typeof LinkRow>;

export const OfferRow = Type.Object(
  {
    release: ReleaseId,
    link: LinkId,
    app: ReleasedAppId,
    version: Version,
    name: Manifest.properties.name,
    message: Type.Union([OfferMessage, Type.Null()]),
    at: Time,
    until: Time,
    declined: Type.Boolean(),
  },
  open,
);
export type OfferRow = Static<typeof OfferRow>;

/** `sequence`: of the last statement that was sent; `told`: what the last one said that the provider took. */
const MetaRow = Type.Object({ sequence: Type.Integer({ minimum: 0 }), told: Type.String() }, open);
type MetaRow = Static<typeof MetaRow>;

export interface Change {
  code?: CodeRow | null;
  links?: readonly LinkRow[];
  offers?: readonly OfferRow[];
  /** Ids of links, with all that was offered over them. */
  ended?: readonly string[];
  /** Releases. */
  gone?: readonly string[];
  meta?: MetaRow;
}

export interface Book {
  code(): CodeRow | null;
  links(): LinkRow[];
  link(id: string): LinkRow | undefined;
  offers(): OfferRow[];
  offer(release: string): OfferRow | undefined;
  meta(): MetaRow;
  operations(change: Change): Operation[];
  /** Once its operations are on the disk. */
  apply(change: Change): void;
}

export async function openBook(wish: { db: Database; onRefused: (refusal: Refusal) => void }): Promise<Book> {
  const sublevel = wish.db.sublevel<string, unknown>('links', { valueEncoding: 'json' });
  const links = new Map<string, LinkRow>();
  const offers = new Map<string, OfferRow>();
  let code: CodeRow | null = null;
  let meta: MetaRow = { sequence: 0, told: '' };

  function read<T extends TSchema>(schema: T, key: string, value: unknown, keep: (value: Static<T>) => void): void {
    const row = check(schema, value);
    if (row.ok) keep(row.value);
    else wish.onRefused(new Refusal('internal', `the record of ${key}: ${describeFaults(row.faults)}`));
  }
  for await (const [key, value] of sublevel.iterator()) {
    if (key === 'code') read(CodeRow, key, value, (row) => (code = row));
    else if (key === 'meta') read(MetaRow, key, value, (row) => (meta = row));
    else if (key.startsWith('link!')) read(LinkRow, key, value, (row) => links.set(row.id, row));
    else read(OfferRow, key, value, (row) => offers.set(row.release, row));
  }

  const goneWith = ({ ended = [], gone = [] }: Change): string[] => [
    ...gone,
    ...[...offers.values()].filter(({ link }) => ended.includes(link)).map(({ release }) => release),
  ];
  const put = (key: string, value: unknown): Operation => ({ type: 'put', sublevel, key, value });
  const del = (key: string): Operation => ({ type: 'del', sublevel, key });

  return {
    code: () => code,
    links: () => [...links.values()].sort((a, b) => a.since - b.since || (a.id < b.id ? -1 : 1)),
    link: (id) => links.get(id),
    offers: () => [...offers.values()].sort((a, b) => b.at - a.at || (a.release < b.release ? -1 : 1)),
    offer: (release) => offers.get(release),
    meta: () => meta,
    operations: (change) => [
      ...(change.code === undefined ? [] : [change.code === null ? del('code') : put('code', change.code)]),
      ...(change.links ?? []).map((row) => put(`link!${row.id}`, row)),
      ...(change.offers ?? []).map((row) => put(`offer!${row.release}`, row)),
      ...(change.ended ?? []).map((id) => del(`link!${id}`)),
      ...goneWith(change).map((release) => del(`offer!${release}`)),
      ...(change.meta ? [put('meta', change.meta)] : []),
    ],
    apply(change) {
      const gone = goneWith(change);
      if (change.code !== undefined) code = change.code;
      for (const row of change.links ?? []) links.set(row.id, row);
      for (const row of change.offers ?? []) offers.set(row.release, row);
      for (const id of change.ended ?? []) links.delete(id);
      for (const release of gone) offers.delete(release);
      if (change.meta) meta = change.meta;
    },
  };
}
