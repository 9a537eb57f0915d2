/**
 * The last head of each territory's register of decisions (contract/register.ts) that this box has proven, and those it has
 * seen elsewhere and not proven yet.
 *
 * Every head that comes with status lists, from the provider or stapled to an app, must continue the one that is held or be
 * continued by it. So a territory cannot show this box one history of its decisions and others another: either is seen
 * here. A fork takes nothing away, because who is suspended or expelled is told by the lists and by their own sequence;
 * it is kept in the ledger, with both heads as the territory signed them.
 */
import { type Static, Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { continues, verifyHead } from '#common/members/register.js';
import type { PublicJwk } from '#contract/directory.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { RegisterHead, SignedRegisterHead } from '#contract/register.js';

const Known = Type.Object({
  territory: Type.String(),
  head: RegisterHead,
  jws: SignedRegisterHead,
  /** Of the key that signed it. */
  kid: Type.String(),
});
type Known = Static<typeof Known>;

/** Two signed heads of which neither continues the other. */
export interface Fork {
  territory: string;
  held: string;
  shown: string;
}

/**
 * Asks the territory to prove that its register of the one size begins with that of the other: the proof in hex; null when
 * it says that it has no such register. @throws Refusal when it cannot be asked
 */
export type Prove = (from: number, to: number) => Promise<readonly string[] | null>;

export interface HeldRegisters {
  of(territory: string): RegisterHead | undefined;
  /**
   * Where the territory cannot be asked, it is proven when it next can.
   * @throws Refusal `register-malformed`, `register-foreign`, `register-forged`
   */
  take(territory: string, jws: string, prove: Prove): Promise<void>;
  /** Proves what waits for it. */
  settle(territory: string, prove: Prove): Promise<void>;
}

/** For each territory; further ones are let go, as those who staple them come by again. */
const mostUnproven = 8;

export async function openHeldRegisters(wish: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  keys: (territory: string) => readonly PublicJwk[];
  /** Durable when it resolves. Told once of each head, twice if the plug is pulled meanwhile. */
  onFork: (fork: Fork) => Promise<void>;
}): Promise<HeldRegisters> {
  const { store } = wish;
  const sublevel = store.db.sublevel<string, unknown>('member-register', { valueEncoding: 'json' });
  const held = new Map<string, Known>();
  const unproven = new Map<string, Known>();
  const forked = new Set<string>();
  for await (const [key, value] of sublevel.iterator()) {
    const read = check(Known, value);
    if (!read.ok) continue;
    if (key.startsWith('held!')) held.set(read.value.territory, read.value);
    else if (key.startsWith('unproven!')) unproven.set(key.slice(key.indexOf('!') + 1), read.value);
    else forked.add(key.slice(key.indexOf('!') + 1));
  }

  const nameOf = ({ territory, head: { size, root } }: Known): string => `${territory}!${size}!${root}`;
  const put = (kind: 'unproven' | 'forked', known: Known): Operation => ({
    ...{ type: 'put', sublevel, key: `${kind}!${nameOf(known)}`, value: known },
  });
  const drop = (known: Known): Operation => ({ type: 'del', sublevel, key: `unproven!${nameOf(known)}` });

  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  /** A key that the territory has dropped since may have signed anything: what a key of now signs takes its place, told. */
  const isBelieved = ({ territory, kid }: Known): boolean => wish.keys(territory).some((jwk) => jwk.kid === kid);

  async function hold(known: Known): Promise<void> {
    await store.commit([{ type: 'put', sublevel, key: `held!${known.territory}`, value: known }, drop(known)]);
    held.set(known.territory, known);
    unproven.delete(nameOf(known));
  }

  async function forget(known: Known): Promise<void> {
    if (!unproven.has(nameOf(known))) return;
    await store.commit([drop(known)]);
    unproven.delete(nameOf(known));
  }

  /** @throws Refusal when the territory cannot be asked */
  async function isContinuous(before: Known, known: Known, prove: Prove): Promise<boolean> {
    const [earlier, later] =
      before.head.size <= known.head.size ? [before.head, known.head] : [known.head, before.head];
    if (earlier.size === later.size || earlier.size === 0) return continues(earlier, later, []);
    const proof = await prove(earlier.size, later.size);
    return proof !== null && continues(earlier, later, proof);
  }

  /** @throws Refusal when the territory cannot be asked */
  async function judge(known: Known, prove: Prove): Promise<void> {
    const before = held.get(known.territory);
    if (!before) return await hold(known);
    if (await isContinuous(before, known, prove))
      return known.head.size > before.head.size ? await hold(known) : await forget(known);
    if (!forked.has(nameOf(known))) {
      await wish.onFork({ territory: known.territory, held: before.jws, shown: known.jws });
      await store.commit([put('forked', known)]);
      forked.add(nameOf(known));
    }
    if (isBelieved(before)) await forget(known);
    else await hold(known);
  }

  return {
    of: (territory) => held.get(territory)?.head,
    take: (territory, jws, prove) =>
      inTurn(async () => {
        const read = await verifyHead(jws, { keys: wish.keys(territory), territory });
        if (!read.ok) throw new Refusal(`register-${read.fault}`, territory);
        const known: Known = { territory, head: read.head, jws, kid: read.kid };
        try {
          await judge(known, prove);
        } catch (error) {
          if (!(error instanceof Refusal)) throw error;
          const waiting = [...unproven.values()].filter((one) => one.territory === territory);
          if (unproven.has(nameOf(known)) || waiting.length >= mostUnproven) return;
          await store.commit([put('unproven', known)]);
          unproven.set(nameOf(known), known);
        }
      }),
    settle: (territory, prove) =>
      inTurn(async () => {
        for (const known of [...unproven.values()])
          if (known.territory !== territory) continue;
          else if (isBelieved(known)) await judge(known, prove);
          else await forget(known);
      }),
  };
}
