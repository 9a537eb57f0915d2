/** What the links are now, by the book and by the rooms beside it, and how it is altered: read by all that acts on them. */
import { createHash } from 'node:crypto';
import type { AppMember, InstalledApp } from '#contract/installed.js';
import { linkCodeHash, parseLinkCode } from '#contract/link-code.js';
import { askSeconds, codeSeconds, type LinksStatement } from '#contract/links.js';
import { compareVersions } from '#contract/manifest.js';
import { Refusal } from '#contract/problems.js';
import type { Decision, OwnerSigner } from '../consent/ledger.js';
import { type Book, type Change, type LinkRow, type OfferRow, openBook } from './book.js';
import type { LinkParts } from './parts.js';

/** Somebody who asks with the code that is shown: verified. */
export interface Ask {
  id: string;
  credential: string;
  member: AppMember;
  note: string | null;
  at: number;
}

export interface LinkState {
  readonly book: Book;
  ask: Ask | undefined;
  tell(): void;
  onChange(listener: () => void): () => void;
  commit(change: Change): Promise<void>;
  /**
   * Decision and change in one batch; `work` is asked when its turn has come, and throws where it does not hold any more.
   * Undefined: nothing is decided.
   */
  decide(work: () => { decision: Decision; change: Change } | undefined, signer?: OwnerSigner): Promise<void>;
  /** @throws Refusal `link-unknown` */
  known(id: string): LinkRow;
  memberOf(row: LinkRow): AppMember | undefined;
  /** For the ledger. */
  about(row: LinkRow): { link: string; member: string; territory: string; name: string };
  isOf(row: LinkRow, member: AppMember): boolean;
  appsOf(row: LinkRow): InstalledApp[];
  /** Whether its owner may still say yes or no to it. */
  isOpen(offer: OfferRow): boolean;
  statement(box: string): Omit<LinksStatement, 'sequence'>;
  /** Of what has to be told: how long a code still lives is no news. */
  gist(box: string): string;
  isTold(): boolean;
}

/** As the statement has room for. */
const mostInstalled = 100;
const mostDeclined = 20;

export async function openState({
  store,
  ledger,
  clock,
  own,
  members,
  desk,
  changes,
  onRefused,
}: LinkParts): Promise<LinkState> {
  const book = await openBook({ db: store.db, onRefused });
  const listeners = new Set<() => void>();

  /** A first installation that is on its way is none yet. */
  const isInstalled = ({ change }: InstalledApp): boolean =>
    change === null || changes().show(change)?.kind !== 'app-install';

  const state: LinkState = {
    book,
    ask: undefined,
    tell() {
      for (const listener of [...listeners]) listener();
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async commit(change) {
      await store.commit(book.operations(change));
      book.apply(change);
      state.tell();
    },
    async decide(work, signer) {
      let change: Change = {};
      await ledger.decide(() => {
        const made = work();
        if (!made) return { decisions: [], operations: [] };
        change = made.change;
        return { decisions: [made.decision], operations: book.operations(change) };
      }, signer);
      book.apply(change);
      state.tell();
    },
    known(id) {
      const row = book.link(id);
      if (!row || row.box !== own()?.box) throw new Refusal('link-unknown', id);
      return row;
    },
    memberOf: (row) => members.see(row.credential)?.member,
    about: (row) => ({
      link: row.id,
      member: row.member,
      territory: row.territory,
      name: state.memberOf(row)?.name ?? row.member,
    }),
    isOf: (row, { id, territory }) => row.member === id && row.territory === territory,
    appsOf: (row) => desk.list().filter(({ member }) => state.isOf(row, member)),
    isOpen({ declined, until, link, app, version }) {
      const now = desk.show(app);
      if (declined || until <= clock.now() || book.link(link)?.box !== own()?.box) return false;
      return !now || (now.change === null && compareVersions(now.manifest.version, version) < 0);
    },
    statement(box) {
      const shown = book.code();
      const left = shown ? Math.floor((shown.expiresAt - clock.now()) / 1000) : 0;
      // Past its time it serves nobody who asks anew; who has asked waits for the owner.
      const code =
        shown?.box === box && left > -askSeconds
          ? { hash: linkCodeHash(parseLinkCode(shown.code) ?? ''), seconds: Math.min(codeSeconds, Math.max(0, left)) }
          : null;
      const links = book.links().filter((row) => row.box === box);
      return {
        code,
        links: links.map((row) => ({
          id: row.id,
          installed: state
            .appsOf(row)
            .flatMap((app) => (isInstalled(app) ? [app.release] : []))
            .slice(0, mostInstalled),
          declined: book
            .offers()
            .flatMap(({ link, declined, app, version }) => (link === row.id && declined ? [{ app, version }] : []))
            .slice(0, mostDeclined),
        })),
      };
    },
    gist(box) {
      const { code, links } = state.statement(box);
      return createHash('sha256')
        .update(JSON.stringify([box, code?.hash ?? null, links]))
        .digest('hex');
    },
    isTold() {
      const mine = own();
      const { told } = book.meta();
      if (mine === undefined || told === state.gist(mine.box)) return true;
      // Who never had anything to say need not be heard: a provider of an earlier release knows of no links.
      return told === '' && book.code() === null && book.links().length === 0;
    },
  };
  return state;
}
