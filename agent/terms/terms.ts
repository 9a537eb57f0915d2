/**
 * On what terms apps are here. What counts is what the owner signed: a plan of a release, by the digest of all that it
 * says. A maker who changes anything of it has made other terms: they wait for the owner, and what was agreed to holds
 * until its notice is over. Then the agreement ends, and with it the app; never is anything charged that was not agreed to.
 *
 * Notice runs by time that is known alone. A box that does not know the time begins and ends none.
 */
import { randomBytes } from 'node:crypto';
import { planOf, signAgreement, signAgreementEnd } from '#common/agreements.js';
import type { Clock } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import { createRounds } from '#common/rounds.js';
import type { Agreement, EndReason, NewAgreement, OwnerAgreement } from '#contract/agreements.js';
import type { PublicJwk } from '#contract/directory.js';
import { hashOfText } from '#contract/ledger-chain.js';
import { agreedPlan, planDigest } from '#contract/plan-digest.js';
import type { AgreedPlan, Plan, Price } from '#contract/plans.js';
import { Refusal } from '#contract/problems.js';
import type { AppsDesk } from '../apps/desk.js';
import type { Terms } from '../apps/uses.js';
import type { Decision, Ledger, OwnerSigner } from '../consent/ledger.js';
import { type AgreementRow, openBook } from './book.js';
import type { Tell } from './client.js';
import { createCourier } from './courier.js';

/** What the owner does. */
export interface OwnerTerms {
  /** Of the app: what holds now, and what did before, newest first. */
  of(app: string): { now: OwnerAgreement | null; past: OwnerAgreement[] };
  /**
   * Yes to one plan of a release that was shown. Once more the same is no second agreement.
   * @throws Refusal `plan-unknown`, `plan-not-for-class`, `terms-changed`, `not-a-member`, and why the release may not be installed
   */
  agree(release: string, wish: NewAgreement, signer: OwnerSigner): Promise<OwnerAgreement>;
  /** At once, and nothing is due from then on. @throws Refusal `agreement-unknown` */
  leave(app: string, signer: OwnerSigner): Promise<void>;
  onChange(listener: (app: string) => void): () => void;
}

/** What an app is used under. */
export interface Under {
  agreement: string;
  app: string;
  member: string;
  box: string;
  plan: AgreedPlan;
  /** When it was agreed to: nothing is counted before. */
  at: number;
  since: number | null;
  /** The agreements that it replaces, newest first: what was counted under one is counted. */
  earlier: readonly string[];
}

export interface TermsRoom extends OwnerTerms, Terms {
  /** What is counted is counted under this: the agreement about the app that holds. */
  under(app: string): Under | undefined;
  /** Whether the provider knows how it stands; also of one that ended so long ago that it is not kept here. */
  isTold(agreement: string): boolean;
  /** What this box has agreed to as this one, and costs something, whatever became of it. */
  held(box: string): { agreement: Agreement; since: number | null; endedAt: number | null }[];
  /** Behind the apps. */
  start(): Promise<void>;
  /** The provider can be reached again. */
  wake(): void;
  idle(): Promise<void>;
  stop(): Promise<void>;
}

export interface TermsParts {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  ledger: Pick<Ledger, 'decide' | 'ownerKeys'>;
  clock: Clock;
  isTimeKnown(): boolean;
  /** Told when the time becomes known, or jumps. */
  onTime(listener: () => void): () => void;
  own(): { box: string; territory: string } | undefined;
  desk: Pick<AppsDesk, 'asked' | 'show' | 'list' | 'onChange'>;
  tell: Tell;
  onRefused(refusal: Refusal): void;
}

const day = 86_400_000;
const longestFact = 2000;
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const newId = (): string => `agreement-${[...randomBytes(20)].map((byte) => alphabet[byte & 31]).join('')}`;

const inLedger = (prices: readonly Price[]): string =>
  prices.map((one) => `${one.amount} ${one.currency}/${one.per === 'unit' ? one.unit : one.per}`).join(', ') || 'free';

const show = ({ agreement, since, ended, notice, told, refused }: AgreementRow): OwnerAgreement => {
  const { box: _box, ...agreed } = agreement;
  const coming = notice && (({ offered: _offered, ...rest }) => rest)(notice);
  return { ...agreed, since, ended: ended && { at: ended.at, why: ended.why }, notice: coming, told, refused };
};

const endedAt = (row: AgreementRow, at: number, why: EndReason, end: string | null = null): AgreementRow => ({
  ...{ ...row, notice: null },
  ended: { at, why, end },
});

export async function createTerms(parts: TermsParts): Promise<TermsRoom> {
  const { store, ledger, clock, isTimeKnown, own, desk, onRefused } = parts;
  const book = await openBook({ db: store.db, onRefused });
  const listeners = new Set<(app: string) => void>();
  const looking = new Set<string>();
  let turn: Promise<unknown> = Promise.resolve();
  let endWatching: (() => void)[] = [];
  const courier = createCourier({
    ...{ book, clock, onRefused, tell: parts.tell },
    box: () => own()?.box,
    keep: (told) =>
      inTurn(async () => {
        const rows = told
          .filter(({ row }) => book.get(row.id) === row)
          .map(({ row, refused }) => ({ ...row, told: true, refused }));
        await store.commit(book.operations(rows));
        book.apply(rows);
        for (const { agreement } of rows) announce(agreement.app);
      }),
  });
  const rounds = createRounds({
    ...{ clock, onRefused },
    async work() {
      lookAtAll();
      await inTurn(settle);
    },
    moments: () =>
      isTimeKnown() ? book.list().flatMap(({ notice, ended }) => (notice && !ended ? [notice.endsAt] : [])) : [],
  });

  function announce(app: string): void {
    for (const listener of [...listeners]) listener(app);
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  /** Each decision with what it changes, in one batch; then it is told. */
  async function write(decisions: readonly Decision[], rows: readonly AgreementRow[], signer?: OwnerSigner) {
    const fresh = rows.map((row) => ({ ...row, told: false, refused: null }));
    await ledger.decide(() => ({ decisions, operations: book.operations(fresh) }), signer);
    book.apply(fresh);
    for (const app of new Set(fresh.map(({ agreement }) => agreement.app))) announce(app);
    rounds.wake();
    courier.wake();
  }

  const factsOf = ({ id, agreement: { app, version, plan, member } }: AgreementRow) => ({
    ...{ agreement: id, app, version, plan: plan.id, member },
  });

  /** After a start the clock may be hours behind; nothing happens before what it follows. */
  const momentAfter = ({ agreement, since }: AgreementRow): number => Math.max(clock.now(), agreement.at, since ?? 0);

  function endByBox(row: AgreementRow, why: EndReason): Promise<void> {
    const decision: Decision = { by: 'box', type: 'terms.ended', facts: { ...factsOf(row), why } };
    return write([decision], [endedAt(row, momentAfter(row), why)]);
  }

  function keyOf({ kid }: OwnerSigner): PublicJwk {
    const jwk = ledger.ownerKeys().find((one) => one.kid === kid);
    if (!jwk) throw new Refusal('owner-unset');
    return jwk;
  }

  async function agree(release: string, wish: NewAgreement, signer: OwnerSigner): Promise<OwnerAgreement> {
    const { manifest, member } = await desk.asked(release);
    const plan = manifest.plans?.find(({ id }) => id === wish.plan);
    if (!plan) throw new Refusal('plan-unknown', wish.plan);
    const terms = agreedPlan(plan);
    if (planDigest(terms) !== wish.digest || !Object.hasOwn(plan.text, wish.language))
      throw new Refusal('terms-changed');
    if (!plan.audience.includes(wish.class)) throw new Refusal('plan-not-for-class', wish.class);
    const mine = own();
    if (!mine) throw new Refusal('not-a-member');
    const before = book.of(manifest.id);
    if (before?.agreement.digest === wish.digest && before.agreement.class.is === wish.class) return show(before);
    const agreement: Agreement = {
      ...{ id: newId(), app: manifest.id, release, version: manifest.version },
      ...{ member: member.id, territory: member.territory, plan: terms, digest: wish.digest },
      ...{ language: wish.language, class: { is: wish.class, by: 'stated' } },
      ...{ replaces: before?.id ?? null, at: before ? momentAfter(before) : clock.now(), box: mine.box },
    };
    const jws = await signAgreement(agreement, signer, keyOf(signer));
    const row: AgreementRow = {
      ...{ id: agreement.id, agreement, jws, since: null, ended: null, notice: null, told: false, refused: null },
    };
    const facts = {
      ...factsOf(row),
      ...{ release, digest: wish.digest, class: wish.class, prices: inLedger(plan.prices).slice(0, longestFact) },
      ...{ language: wish.language, sha256: hashOfText(jws), ...(before ? { replaces: before.id } : {}) },
    };
    const ends = before ? [endedAt(before, agreement.at, 'replaced')] : []; // the one ends as the other begins
    await write([{ by: 'owner', type: 'terms.agreed', facts }], [...ends, row], signer);
    await look(manifest.id);
    return show(book.get(row.id) ?? row);
  }

  async function leave(app: string, signer: OwnerSigner): Promise<void> {
    const row = book.of(app);
    if (!row) throw new Refusal('agreement-unknown', app);
    const at = momentAfter(row); // said once: what is signed is what is told
    const end = await signAgreementEnd({ id: row.id, at }, signer, keyOf(signer));
    const decision: Decision = { by: 'owner', type: 'terms.left', facts: factsOf(row) };
    await write([decision], [endedAt(row, at, 'left', end)], signer);
  }

  /** Terms are other ones when no plan of theirs is the one that was agreed to. */
  async function hear(row: AgreementRow, coming: { release: string; version: string; plans: readonly Plan[] } | null) {
    const { notice, agreement } = row;
    const changed = coming && !planOf(coming.plans, agreement.digest) ? coming : null;
    const offered = changed ? hashOfText(changed.plans.map((plan) => planDigest(agreedPlan(plan))).join()) : undefined;
    if (notice?.offered === offered || !isTimeKnown()) return;
    if (!changed || offered === undefined)
      return write([{ by: 'box', type: 'terms.change-withdrawn', facts: factsOf(row) }], [{ ...row, notice: null }]);
    const seenAt = clock.now();
    const endsAt = seenAt + agreement.plan.noticeDays * day;
    const { release, version } = changed;
    const decision: Decision = {
      ...{ by: 'box', type: 'terms.changed' },
      facts: { ...factsOf(row), release, to: version, endsAt },
    };
    return write([decision], [{ ...row, notice: { release, version, seenAt, endsAt, offered } }]);
  }

  /** What has become of the app since. */
  async function look(app: string): Promise<void> {
    const row = book.of(app);
    if (!row) return;
    const shown = desk.show(app);
    if (!shown && row.since !== null) return endByBox(row, 'removed');
    if (shown && shown.change !== null) return;
    const isUnder = shown && planOf(shown.manifest.plans, row.agreement.digest) !== undefined;
    if (!shown || (!isUnder && row.since === null && row.agreement.replaces === null)) {
      // Agreed to and not begun with yet: the owner is still on the page.
      if (clock.now() - row.agreement.at > day) await endByBox(row, 'unused');
      return;
    }
    const { waiting, manifest } = shown;
    if (row.since === null) await write([], [{ ...row, since: momentAfter(row) }]);
    // A release that asks for no agreement has taken its place.
    if (manifest.plans === undefined) return endByBox(book.of(app) ?? row, 'unused');
    const plans = waiting?.manifest.plans;
    const coming = waiting && plans ? { release: waiting.release, version: waiting.manifest.version, plans } : null;
    await hear(book.of(app) ?? row, coming);
  }

  /** However often it is told of, it is looked at once when its turn has come. */
  function lookAt(app: string): void {
    if (looking.has(app)) return;
    looking.add(app);
    inTurn(() => {
      looking.delete(app);
      return look(app);
    }).catch((error: unknown) =>
      onRefused(error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error })),
    );
  }
  const lookAtAll = (): void => {
    for (const { agreement, ended } of book.list()) if (!ended) lookAt(agreement.app);
  };

  /** What its notice has ended. */
  async function settle(): Promise<void> {
    for (const row of book.list())
      if (isTimeKnown() && row.notice && !row.ended && clock.now() >= row.notice.endsAt) await endByBox(row, 'notice');
  }

  return {
    covers: ({ manifest }) => {
      if (manifest.plans === undefined) return true;
      const row = book.of(manifest.id);
      return row !== undefined && planOf(manifest.plans, row.agreement.digest) !== undefined;
    },
    holds: (app) => book.of(app) !== undefined,
    under(app) {
      const row = book.of(app);
      if (!row) return undefined;
      const { member, box, plan, at, replaces } = row.agreement;
      const earlier: string[] = [];
      for (let id = replaces; id !== null; id = book.get(id)?.agreement.replaces ?? null) earlier.push(id);
      return { agreement: row.id, app, member, box, plan, at, since: row.since, earlier };
    },
    held: (box) =>
      book
        .list()
        .filter(({ agreement }) => agreement.box === box && agreement.plan.prices.length > 0)
        .map(({ agreement, since, ended }) => ({ agreement, since, endedAt: ended?.at ?? null })),
    isTold: (agreement) => book.get(agreement)?.told ?? true,
    of(app) {
      const all = book.list().filter(({ agreement }) => agreement.app === app);
      const now = book.of(app);
      return { now: now ? show(now) : null, past: all.filter(({ ended }) => ended).map(show) };
    },
    agree: (release, wish, signer) => inTurn(() => agree(release, wish, signer)),
    leave: (app, signer) => inTurn(() => leave(app, signer)),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async start() {
      endWatching = [
        desk.onChange(lookAt),
        parts.onTime(() => {
          lookAtAll();
          rounds.wake();
        }),
      ];
      rounds.start();
      courier.wake();
    },
    wake: courier.wake,
    async idle() {
      await turn;
      await courier.idle();
    },
    async stop() {
      for (const end of endWatching) end();
      await rounds.stop();
      await courier.stop();
      await turn;
    },
  };
}
