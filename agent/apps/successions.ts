/**
 * An installed app passes to another maker: what its territory says of that, kept until the owner answers.
 *
 * Only the territory that vouched for the maker is believed, by its member-signing keys, whoever brought the statement.
 * It counts where it leads on from the key that the app is bound to. The newest serial that was ever verified for an app
 * stays on the disk, and nothing older counts any more: a replayed statement does not undo a later one.
 */
import { followRotation } from '#common/archive/release.js';
import type { PublicJwk } from '#contract/directory.js';
import { Refusal } from '#contract/problems.js';
import type { AppSuccessions, Succession } from '#contract/succession.js';
import type { Decision, OwnerSigner } from '../consent/ledger.js';
import type { Members, SignedSuccession } from '../members/members.js';
import { type Held, type Installed, type InstalledRecord, releaseOf, type SuccessionOffer } from './installed.js';

export interface Successions {
  /**
   * Verifies what was told of an app, and keeps it for the owner where it is new and leads on. Of an app that is not
   * installed nothing is kept.
   * @throws Refusal `succession-…`, `credential-…`
   */
  heed(app: string, told: AppSuccessions): Promise<void>;
  /** Whether a release bears the signature of whom the app is to pass to, without the owner's yes. */
  isHeirs(record: InstalledRecord, release: { held: Held; jwk: PublicJwk }): Promise<boolean>;
  /** The newest of the heir's releases, which the owner reads about before they answer. */
  note(app: string, held: Held): Promise<void>;
  /**
   * Bound to its heir's key, in one commit with the owner's signature; a second yes changes nothing.
   * @throws Refusal `succession-other`, `succession-…`, `credential-…`, and why its heir may have nothing installed
   */
  accept(record: InstalledRecord, serial: number, signer: OwnerSigner): Promise<void>;
  /** Kept, and not asked again. @throws Refusal `succession-other` */
  decline(record: InstalledRecord, serial: number, signer: OwnerSigner): Promise<void>;
}

/** By this key, or by one that the rotations of the release lead to from it. */
const isSignedBy = async (key: PublicJwk, { jws }: Held, signer: PublicJwk): Promise<boolean> =>
  key.kid === signer.kid || (await followRotation(jws, key))?.kid === signer.kid;

async function leadsOn(statement: Succession, { jwk, current }: InstalledRecord): Promise<boolean> {
  for (const key of statement.from.keys)
    if (key.kid === jwk.kid || (current && (await isSignedBy(key, current, jwk)))) return true;
  return false;
}

/** The statements that lead on from the key that the app is bound to, of those that its owner has not passed yet. */
async function pathOf<T extends Succession>(record: InstalledRecord, statements: readonly T[]): Promise<T[]> {
  const path: T[] = [];
  for (const one of statements.filter(({ serial }) => serial > (record.succession?.passed ?? 0))) {
    const reached = path.at(-1)?.to.jwk.kid;
    const isNext =
      reached === undefined ? await leadsOn(one, record) : one.from.keys.some(({ kid }) => kid === reached);
    if (isNext) path.push(one);
  }
  // There and back again: it is its maker's as before.
  return path[0]?.from.member === path.at(-1)?.to.member ? [] : path;
}

const isSame = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((one, at) => one === b[at]);

export function createSuccessions(wish: {
  members: Pick<Members, 'judge' | 'successionsBy' | 'isBelieved'>;
  installed: Installed;
}): Successions {
  const { members, installed } = wish;

  async function verified(
    { id, current }: InstalledRecord,
    statements: readonly string[],
  ): Promise<SignedSuccession[]> {
    if (!current) return [];
    const told = await members.successionsBy(releaseOf(current).territory, statements);
    return told.filter(({ apps }) => apps.includes(id)).sort((a, b) => a.serial - b.serial);
  }

  /** @throws Refusal `succession-malformed` when the credential is not of whom the statement names */
  async function judgedHeir({ territory, to }: Succession, credential: string) {
    const judged = await members.judge(credential);
    if (judged.member.id !== to.member || judged.member.territory !== territory)
      throw new Refusal('succession-malformed', `the credential is of ${judged.member.territory}/${judged.member.id}`);
    return judged;
  }

  async function heed(app: string, heard: AppSuccessions): Promise<void> {
    const { statements, credential } = heard;
    const record = installed.get(app);
    if (!record?.current) return;
    const told = await verified(record, statements);
    const newest = told.at(-1);
    const serial = newest?.serial ?? 0;
    const kid = newest?.kid ?? '';
    const before = record.succession ?? { serial: 0, kid, passed: 0, offer: null };
    // What a stolen key has signed may have named a number that nothing comes after.
    const isBelieved = members.isBelieved(releaseOf(record.current).territory, before.kid);
    if (isBelieved && serial < before.serial)
      throw new Refusal('succession-replayed', `${serial} after ${before.serial}`);
    if (told.length === 0) return;
    const path = await pathOf(record, told);
    const last = path.at(-1);
    if (last) await judgedHeir(last, credential);
    const known = before.offer?.path.at(-1)?.serial === last?.serial ? before.offer : null;
    const isNew = last !== undefined && !known;
    let offer: SuccessionOffer | null = null;
    if (last) offer = { answer: null, next: null, ...known, path, statements: [...statements], credential };
    else if (before.offer?.answer === 'yes') offer = before.offer;
    const isKnown = serial === before.serial && kid === before.kid;
    if (isKnown && !isNew && isSame(offer?.statements ?? [], before.offer?.statements ?? [])) return;
    const now = installed.get(app);
    if (now?.current !== record.current || now.jwk !== record.jwk || now.succession !== record.succession)
      return heed(app, heard); // it was changed meanwhile
    const facts = { app, territory: last?.territory ?? '', serial, to: last?.to.member ?? '' };
    await installed.save(
      { ...now, succession: { ...before, serial, kid, offer } },
      isNew ? { by: 'box', type: 'app.succession-told', facts } : undefined,
    );
  }

  /** What the owner has read, verified once more by the territory's keys of now. */
  async function reopen(
    record: InstalledRecord,
    serial: number,
  ): Promise<SuccessionOffer & { last: SignedSuccession }> {
    const offer = record.succession?.offer;
    const shown = offer?.path.at(-1);
    if (!offer || shown?.serial !== serial) throw new Refusal('succession-other', record.id);
    const last = (await pathOf(record, await verified(record, offer.statements))).at(-1);
    if (last?.serial !== serial || last.to.jwk.kid !== shown.to.jwk.kid)
      throw new Refusal('succession-other', record.id);
    const { may, problem } = await judgedHeir(last, offer.credential);
    if (problem && may !== 'install' && may !== 'update') throw problem;
    return { ...offer, last };
  }

  function factsOf(record: InstalledRecord, serial: number): Decision['facts'] & object {
    const path = record.succession?.offer?.path ?? [];
    const [first, last] = [path[0], path.at(-1)];
    if (!first || last?.serial !== serial) throw new Refusal('succession-other', record.id);
    const { territory, to } = last;
    return {
      ...{ app: record.id, territory, serial, from: first.from.member, to: to.member, name: to.name },
      ...{ key: record.jwk.kid, nextKey: to.jwk.kid },
    };
  }

  /** Bound to its new maker's key, in one commit with the owner's signature. A second yes changes nothing. */
  async function accept(record: InstalledRecord, serial: number, signer: OwnerSigner): Promise<void> {
    if (record.succession?.offer?.answer === 'yes' && record.succession.passed === serial) return;
    const facts = factsOf(record, serial);
    const { last, ...offer } = await reopen(record, serial);
    const { next } = offer;
    const here = installed.get(record.id);
    if (!here || here.succession !== record.succession) throw new Refusal('succession-other', record.id); // it was heard of anew
    const now: InstalledRecord = {
      ...here,
      jwk: last.to.jwk,
      waiting: next && !installed.barred(next.release) ? next : null,
      succession: { serial, kid: last.kid, ...record.succession, passed: serial, offer: { ...offer, answer: 'yes' } },
    };
    await installed.save(now, { by: 'owner', type: 'app.succession', facts }, signer);
  }

  async function decline(record: InstalledRecord, serial: number, signer: OwnerSigner): Promise<void> {
    const facts = factsOf(record, serial);
    const { succession } = record;
    if (!succession?.offer || succession.offer.answer === 'yes') throw new Refusal('succession-other', record.id);
    if (succession.offer.answer === 'no') return;
    const now: InstalledRecord = {
      ...record,
      succession: { ...succession, offer: { ...succession.offer, answer: 'no' } },
    };
    await installed.save(now, { by: 'owner', type: 'app.succession-declined', facts }, signer);
  }

  return {
    heed,
    accept,
    decline,

    async isHeirs({ succession }, { held, jwk }) {
      const heir = succession?.offer?.answer === 'yes' ? undefined : succession?.offer?.path.at(-1)?.to.jwk;
      return heir !== undefined && (await isSignedBy(heir, held, jwk));
    },

    async note(app, next) {
      const record = installed.get(app);
      const offer = record?.succession?.offer;
      if (!record?.succession || !offer || offer.next?.release === next.release) return;
      await installed.save({ ...record, succession: { ...record.succession, offer: { ...offer, next } } });
    },
  };
}
