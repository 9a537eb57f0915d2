/**
 * From "may it now?" to its end.
 *
 * Invariant: what is written down as begun is begun at most once. A restart is followed by its answer; what does no harm
 * twice (a refresh, a bundle) is taken up again; of what may have been cut off in between, the box says just that.
 */
import type { Clock } from '#common/clock.js';
import type { Command, CommandResult } from '#contract/commands.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import type { Decision, OwnerSigner } from '../consent/ledger.js';
import type { RebootHolds } from '../leases/gate.js';
import type { Act, Said } from './acts.js';
import type { Book, Taken } from './book.js';
import { disturbing } from './judge.js';

export interface Runner {
  /** A command that has just been taken, and waits or has begun. */
  take(taken: Taken): void;
  /** Looks again at what waits: a territory was left, a lease given up. */
  look(): void;
  /** @throws Refusal `command-unknown`, `command-answered` */
  allow(which: Which, signer: OwnerSigner): Promise<void>;
  decline(which: Which, signer: OwnerSigner): Promise<void>;
  /** Takes up what a stop interrupted. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export type Which = Pick<Command, 'territory' | 'id'>;

/** A machine that is asked to restart has so long to do it. */
const restartMilliseconds = 600_000;
const longestWait = 24 * 3_600_000;

export const resultOf = (
  { id }: Pick<Command, 'id'>,
  at: number,
  outcome: CommandResult['outcome'],
  said: Said | { code: ProblemCode; detail?: string | undefined },
): CommandResult => {
  const text = 'text' in said ? said.text : new Refusal(said.code, said.detail).message;
  const code = 'code' in said ? { code: said.code } : {};
  const data = 'data' in said && said.data ? { data: said.data } : {};
  return { command: id, outcome, ...code, text: text.slice(0, 500), at, ...data };
};

/** As the ledger has it. */
export const factsOf = ({ id, kind, by, territory }: Command): Decision['facts'] & object => ({
  command: id,
  kind,
  asked: by,
  territory,
});

export function createRunner(wish: {
  book: Book;
  acts: Readonly<Record<string, Act>>;
  holds: Pick<RebootHolds, 'ask' | 'end'> & { onChange(listener: () => void): () => void };
  /** This start of the agent, this boot of the machine, and the certificate in use. */
  here: () => { start: string; boot: string; serial: string };
  isOwn: (taken: Taken) => boolean;
  tell: (taken: Taken) => void;
  clock: Clock & { until(moment: number, signal?: AbortSignal): Promise<void> };
  onFault: (error: unknown) => void;
}): Runner {
  const { book, acts, holds, here, isOwn, tell, clock, onFault } = wish;
  const stopping = new AbortController();
  const { signal } = stopping;
  const underWay = new Set<Promise<void>>();
  let changed = new AbortController();
  let disturbance: Promise<void> = Promise.resolve();
  const noMore = holds.onChange(() => look());

  function look(): void {
    changed.abort();
    changed = new AbortController();
  }

  function beside(work: Promise<void>): void {
    const mine = work
      .catch((error: unknown) => signal.aborted || onFault(error))
      .then(() => void underWay.delete(mine));
    underWay.add(mine);
  }

  async function end(
    which: Which,
    outcome: CommandResult['outcome'],
    said: Said | { code: ProblemCode; detail?: string | undefined },
    decision?: Decision,
    signer?: OwnerSigner,
  ): Promise<void> {
    let isMine = false;
    const now = await book.change(
      which,
      (before) => {
        if (before.phase === 'ended') return undefined;
        isMine = true;
        const result = resultOf(before.command, clock.now(), outcome, said);
        const facts = {
          ...factsOf(before.command),
          outcome,
          ...(result.code === undefined ? {} : { code: result.code }),
        };
        const decisions = [decision ?? ({ by: 'box', type: 'command-result', facts } as const)];
        return { next: { ...before, phase: 'ended', waits: null, result, told: false }, decisions };
      },
      signer,
    );
    look();
    if (isMine && now) tell(now);
  }

  /** On the disk before its effect. Answers what has begun; undefined where it waits no longer. */
  async function begin(which: Which): Promise<Taken | undefined> {
    let isMine = false;
    const now = await book.change(which, (before) => {
      if (before.phase !== 'waiting') return undefined;
      isMine = true;
      return { next: { ...before, phase: 'begun', waits: null, begun: here() } };
    });
    return isMine ? now : undefined;
  }

  async function perform({ command }: Taken): Promise<void> {
    try {
      const act = acts[command.kind];
      if (!act) throw new Refusal('command-unsupported', command.kind);
      const said = await act(command, signal);
      if (said) return await end(command, 'done', said);
      // Its answer comes after the restart, which ends this program meanwhile.
      await clock.sleep(restartMilliseconds, signal);
      if (signal.aborted) return;
      await end(command, 'failed', { code: 'command-failed', detail: 'nothing was restarted' });
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof Refusal)) onFault(error);
      const { code, detail } = error instanceof Refusal ? error : new Refusal('command-failed');
      await end(command, 'failed', { code, detail });
    }
    if (disturbing.has(command.kind)) await holds.end();
  }

  /** Until apps can be disturbed. */
  async function untilFree(which: Which): Promise<void> {
    for (;;) {
      const again = changed.signal;
      const now = book.find(which.territory, which.id);
      if (signal.aborted || now?.phase !== 'waiting') return;
      const { free, secondsLeft, leases } = await holds.ask(which.id);
      if (free || now.allowed) return;
      if (now.result?.code !== 'command-held') await say(which, leases.map(({ app }) => app).join(', '));
      const wait = Math.min(Math.max(1, secondsLeft) * 1000, longestWait);
      await clock.sleep(wait, AbortSignal.any([signal, again]));
    }
  }

  async function goOn(which: Which, kind: string): Promise<void> {
    if (disturbing.has(kind)) await untilFree(which);
    if (signal.aborted) return;
    const begun = await begin(which);
    if (begun) await perform(begun);
    else if (disturbing.has(kind)) await holds.end();
  }

  /** Restarts one after the other: two are not asked for at once. */
  function proceed({ command }: Taken): void {
    const go = () => goOn(command, command.kind);
    const mine = disturbing.has(command.kind) ? disturbance.then(go) : go();
    if (disturbing.has(command.kind)) disturbance = mine.catch(() => {});
    beside(mine);
  }

  /** The provider hears what is waited for. */
  async function say(which: Which, detail: string): Promise<void> {
    const now = await book.change(which, (before) => {
      if (before.phase !== 'waiting') return undefined;
      const result = resultOf(before.command, clock.now(), 'waits-for-owner', { code: 'command-held', detail });
      return { next: { ...before, result, told: false } };
    });
    if (now) tell(now);
  }

  /** What waits, waits no longer than it may. */
  async function expire(which: Which, at: number): Promise<void> {
    while (!signal.aborted) {
      const again = changed.signal;
      const now = book.find(which.territory, which.id);
      if (now?.phase !== 'waiting') return;
      if (!isOwn(now)) return end(which, 'refused', { code: 'command-foreign', detail: 'its territory was left' });
      if (clock.now() >= at) return end(which, 'expired', { code: 'command-expired' });
      await clock.until(at, AbortSignal.any([signal, again]));
    }
  }

  function take(taken: Taken): void {
    const { command, phase, waits } = taken;
    if (phase === 'begun') beside(perform(taken));
    if (phase !== 'waiting') return;
    beside(expire(command, command.expiresAt));
    if (waits === 'apps') proceed(taken);
    else tell(taken);
  }

  /** @throws Refusal `command-unknown`, `command-answered` */
  function waiting({ territory, id }: Which): Taken {
    const found = book.find(territory, id);
    if (!found) throw new Refusal('command-unknown', id);
    if (found.phase !== 'waiting') throw new Refusal('command-answered', id);
    return found;
  }

  async function resume(taken: Taken): Promise<void> {
    const { command, begun } = taken;
    const { boot, serial } = here();
    const isReboot = command.kind === 'reboot';
    if (isReboot || command.kind === 'restart-agent') {
      await holds.end();
      if (isReboot && begun?.boot === boot)
        return end(command, 'failed', { code: 'command-interrupted', detail: 'the machine was not restarted' });
      return end(command, 'done', { text: isReboot ? 'the machine has started again' : 'the agent has started again' });
    }
    if (command.kind === 'live') return end(command, 'failed', { code: 'command-interrupted' });
    if (command.kind === 'rotate-key' && begun && begun.serial !== serial)
      return end(command, 'done', { text: 'a new key is in use', data: { serial } });
    beside(perform(taken));
  }

  return {
    take,
    look,
    async allow(which, signer) {
      const { command } = waiting(which);
      let isMine = false;
      const now = await book.change(
        which,
        (before) => {
          if (before.phase !== 'waiting') return undefined;
          isMine = true;
          const decisions = [{ by: 'owner', type: 'command-allowed', facts: factsOf(command) } as const];
          return { next: { ...before, allowed: before.waits === 'apps', waits: 'apps' }, decisions };
        },
        signer,
      );
      if (!isMine || !now) throw new Refusal('command-answered', which.id);
      look();
      if (!now.allowed) proceed(now); // else it is held already, and that wait sees it
    },
    async decline(which, signer) {
      const { command } = waiting(which);
      const decision = { by: 'owner', type: 'command-declined', facts: factsOf(command) } as const;
      await end(which, 'refused', { code: 'command-declined' }, decision, signer);
    },
    async start() {
      for (const taken of book.list().toReversed())
        if (taken.phase === 'begun') await resume(taken);
        else take(taken);
    },
    async stop() {
      stopping.abort();
      noMore();
      await Promise.all(underWay);
    },
  };
}
