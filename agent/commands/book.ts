/**
 * What the box remembers of commands, on the disk.
 *
 * Invariants: a command is written down, with the sequence that it spends, before anything of it is done. The highest
 * sequence that was taken of each key is kept for ever: it needs no clock, and none that is set brings a command back.
 * Each entry goes with its line in the owner's ledger in one batch.
 */

import { type Static, Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { Command, CommandResult, DesiredState } from '#contract/commands.js';
import { ProviderSettings, usualRules } from '#contract/owner-commands.js';
import { check } from '#contract/parse.js';
import type { Decision, Ledger, OwnerSigner } from '../consent/ledger.js';

export const Taken = Type.Object({
  command: Command,
  /** Of what was signed. */
  digest: Type.String(),
  at: Type.Integer(),
  /** Counts what was taken. */
  order: Type.Integer(),
  phase: Type.Union([Type.Literal('waiting'), Type.Literal('begun'), Type.Literal('ended')]),
  /** For the owner's yes, or until apps can be disturbed. */
  waits: Type.Union([Type.Literal('owner'), Type.Literal('apps'), Type.Null()]),
  /** The owner said yes: nothing is waited for any more. */
  allowed: Type.Boolean(),
  /** Where it began: which start of the agent, which boot, which certificate. */
  begun: Type.Union([Type.Object({ start: Type.String(), boot: Type.String(), serial: Type.String() }), Type.Null()]),
  /** What was answered last. */
  result: Type.Union([CommandResult, Type.Null()]),
  /** The provider has that answer, as far as its broker says. */
  told: Type.Boolean(),
});
export type Taken = Static<typeof Taken>;

export interface Book {
  find(territory: string, id: string): Taken | undefined;
  /** Newest first. */
  list(): Taken[];
  /** The highest sequence that was taken, 0 where none was. */
  spent(type: 'command' | 'desired', by: { territory: string; kid: string }): number;
  /** A new command, with what it spends. */
  take(taken: Omit<Taken, 'order'>, kid: string, decisions: readonly Decision[]): Promise<Taken>;
  /** Does what `change` answers in one turn; nothing where it answers undefined. Answers what is there then. */
  change(
    which: Pick<Command, 'territory' | 'id'>,
    change: (now: Taken) => { next: Taken; decisions?: readonly Decision[] } | undefined,
    signer?: OwnerSigner,
  ): Promise<Taken | undefined>;
  desired(): DesiredState | undefined;
  /** With the answer to the command that it comes from. */
  desire(state: DesiredState, kid: string, answer: Omit<Taken, 'order'>, decisions: readonly Decision[]): Promise<void>;
  settings(): ProviderSettings;
  set(
    change: (now: ProviderSettings) => Partial<ProviderSettings>,
    decision: Decision,
    signer?: OwnerSigner,
  ): Promise<void>;
  /** Told at each change. Answers the way to end it. */
  onChange(listener: () => void): () => void;
}

/** Of those that have ended: the newest are kept, to answer again. */
const keptEnded = 100;
const keyOf = ({ territory, id }: { territory: string; id: string }): string => `${territory}!${id}`;
const markOf = (type: 'command' | 'desired', { territory, kid }: { territory: string; kid: string }): string =>
  `${type}!${territory}!${kid}`;

export async function openBook({
  store,
  ledger,
}: {
  store: { db: Database };
  ledger: Pick<Ledger, 'decide'>;
}): Promise<Book> {
  const json = { valueEncoding: 'json' } as const;
  const commands = store.db.sublevel<string, unknown>('commands', json);
  const marks = store.db.sublevel<string, number>('commandMarks', json);
  const states = store.db.sublevel<string, unknown>('commandStates', json);
  const taken = new Map<string, Taken>();
  const spent = new Map<string, number>(await marks.iterator().all());
  const listeners = new Set<() => void>();
  let order = 0;
  for await (const [key, value] of commands.iterator()) {
    const read = check(Taken, value);
    if (!read.ok) continue; // of a later release: its sequence is spent all the same
    taken.set(key, read.value);
    order = Math.max(order, read.value.order);
  }
  const [kept, wanted] = await Promise.all([states.get('settings'), states.get('desired')]);
  const readSettings = check(ProviderSettings, kept);
  const readDesired = check(DesiredState, wanted);
  let settings: ProviderSettings = readSettings.ok ? readSettings.value : { rules: usualRules, reporting: 'full' };
  let desired = readDesired.ok ? readDesired.value : undefined;

  const put = (value: Taken): Operation => ({ type: 'put', sublevel: commands, key: keyOf(value.command), value });
  const mark = (key: string, value: number): Operation => ({ type: 'put', sublevel: marks, key, value });
  const newestFirst = (): Taken[] => [...taken.values()].sort((a, b) => b.order - a.order);

  function tell(): void {
    for (const listener of [...listeners]) listener();
  }

  let turn: Promise<unknown> = Promise.resolve();
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = turn.then(work);
    turn = mine.catch(() => {});
    return mine;
  }

  /** What there is too much of. An answer that nobody has taken goes last. */
  function spare(): string[] {
    const ended = newestFirst().filter(({ phase }) => phase === 'ended');
    return [...ended.filter(({ told }) => !told), ...ended.filter(({ told }) => told)]
      .filter((_, index) => index >= keptEnded)
      .map(({ command }) => keyOf(command));
  }

  async function add(
    one: Omit<Taken, 'order'>,
    sequence: { key: string; value: number },
    decisions: readonly Decision[],
    more: readonly Operation[] = [],
  ): Promise<Taken> {
    const made: Taken = { ...one, order: order + 1 };
    const gone = spare();
    await ledger.decide(() => ({
      decisions,
      operations: [
        put(made),
        mark(sequence.key, sequence.value),
        ...more,
        ...gone.map((key): Operation => ({ type: 'del', sublevel: commands, key })),
      ],
    }));
    order = made.order;
    spent.set(sequence.key, sequence.value);
    taken.set(keyOf(made.command), made);
    for (const key of gone) taken.delete(key);
    return made;
  }

  return {
    find: (territory, id) => taken.get(keyOf({ territory, id })),
    list: newestFirst,
    spent: (type, by) => spent.get(markOf(type, by)) ?? 0,
    take: (one, kid, decisions) =>
      inTurn(async () => {
        const { territory, sequence } = one.command;
        const made = await add(one, { key: markOf('command', { territory, kid }), value: sequence }, decisions);
        tell();
        return made;
      }),
    change: (which, change, signer) =>
      inTurn(async () => {
        const key = keyOf(which);
        const now = taken.get(key);
        const wish = now && change(now);
        if (!wish) return now;
        const { next, decisions = [] } = wish;
        await ledger.decide(() => ({ decisions, operations: [put(next)] }), signer);
        taken.set(key, next);
        tell();
        return next;
      }),
    desired: () => desired,
    desire: (state, kid, answer, decisions) =>
      inTurn(async () => {
        const { territory, revision } = state;
        const sequence = { key: markOf('desired', { territory, kid }), value: revision };
        await add(answer, sequence, decisions, [{ type: 'put', sublevel: states, key: 'desired', value: state }]);
        desired = state;
        tell();
      }),
    settings: () => settings,
    set: (change, decision, signer) =>
      inTurn(async () => {
        const next = { ...settings, ...change(settings) };
        const operations: Operation[] = [{ type: 'put', sublevel: states, key: 'settings', value: next }];
        await ledger.decide(() => ({ decisions: [decision], operations }), signer);
        settings = next;
        tell();
      }),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
