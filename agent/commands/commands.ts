/**
 * What the provider asks of this box. A broker that was broken into can bring anything here, and command nothing: what is
 * followed is signed by a key of the territory, meant for this box, new, and in time (judge.ts); and what alters the box
 * beyond what its owner has agreed to waits for the owner.
 */

import type { Clock } from '#common/clock.js';
import type { Addressee, Verified } from '#common/commands.js';
import type { Command, DesiredState, Intervals, LiveSample } from '#contract/commands.js';
import type { AskedCommand, CommandRule, ProviderSettings, RuledKind } from '#contract/owner-commands.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import type { Reporting } from '#contract/status.js';
import type { Ledger, OwnerSigner } from '../consent/ledger.js';
import { createActs, type Effects } from './acts.js';
import { type Book, openBook, type Taken } from './book.js';
import { createBucket } from './bucket.js';
import { disturbing, judge } from './judge.js';
import { createLive } from './live.js';
import { codeOf, createReader } from './reader.js';
import { createRunner, factsOf, type Runner, resultOf } from './runner.js';
import { createTeller, type Port } from './teller.js';

export interface CommandRoom {
  /** What came under `down/command/{id}`, as it came. */
  heard(id: string, payload: Uint8Array): void;
  /** What came under `down/desired`, as it came. */
  desired(payload: Uint8Array): void;
  /** A session of the link has begun, behind its birth. */
  open(port: Port): { close(): void };
  /** What the provider wants kept to, where it said something. */
  intervals(): Intervals | undefined;
  readonly owner: OwnerCommands;
  /** Something of what it waits for may be otherwise. */
  look(): void;
  /** When the membership is known. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Resolves when all that came was looked at. */
  idle(): Promise<void>;
}

/** For the owner's console. */
export interface OwnerCommands {
  settings(): ProviderSettings;
  /** Newest first. */
  asked(): AskedCommand[];
  liveUntil(): number | null;
  /** @throws Refusal `command-unknown`, `command-answered` */
  allow(id: string, signer: OwnerSigner): Promise<void>;
  decline(id: string, signer: OwnerSigner): Promise<void>;
  rule(kind: RuledKind, rule: CommandRule, signer: OwnerSigner): Promise<void>;
  report(level: Reporting, signer: OwnerSigner): Promise<void>;
  onChange(listener: () => void): () => void;
}

export interface CommandParts {
  store: Parameters<typeof openBook>[0]['store'];
  ledger: Pick<Ledger, 'append' | 'decide'>;
  clock: Clock & { trusted(): boolean; until(moment: number, signal?: AbortSignal): Promise<void> };
  monotonic: () => number;
  /** Undefined while the box belongs to nobody, or to a territory that sends no commands. */
  standing: () => Addressee | undefined;
  /** Fetches the profile. Never rejects. */
  relearn: () => Promise<void>;
  effects: Effects;
  holds: Parameters<typeof createRunner>[0]['holds'];
  here: Parameters<typeof createRunner>[0]['here'];
  sample: () => Promise<LiveSample['values']>;
  epoch: () => string;
  /** The owner has settled how much is reported: on the disk, and in force from here on. */
  onReporting: (level: Reporting) => Promise<void>;
  onRefused: (refusal: Refusal) => void;
}

/** What came and was not looked at yet: more is dropped, and comes again. */
const mostHeard = 64;
const perHour = 60;
const hourMilliseconds = 3_600_000;
const mostAsked = 50;

export async function createCommands(parts: CommandParts): Promise<CommandRoom> {
  const { ledger, clock, monotonic, standing, effects, onRefused } = parts;
  const book: Book = await openBook(parts);
  const onFault = (error: unknown): void =>
    onRefused(error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error }));
  const isOwn = ({ command }: Taken): boolean => (standing()?.territory ?? command.territory) === command.territory;
  const listeners = new Set<() => void>();
  const tellOwner = (): void => {
    for (const listener of [...listeners]) listener();
  };
  const noMore = book.onChange(tellOwner);
  const reader = createReader(parts);
  const teller = createTeller({ book, isOwn, onFault });
  const live = createLive({ ...parts, publish: teller.live, onChange: tellOwner });
  const runner: Runner = createRunner({
    ...{ book, isOwn, clock, onFault },
    acts: createActs(effects, live),
    holds: parts.holds,
    here: parts.here,
    tell: teller.tell,
  });
  const toLedger = createBucket({ most: 20, everyMilliseconds: 600_000, monotonic });
  const lately: number[] = [];
  let stopped = false;
  let waiting = 0;
  let turn: Promise<void> = Promise.resolve();

  function inTurn(work: () => Promise<void>): void {
    if (stopped || waiting >= mostHeard) return;
    waiting += 1;
    turn = turn
      .then(() => (stopped ? undefined : work()))
      .catch(onFault)
      .finally(() => {
        waiting -= 1;
      });
  }

  /** Nothing was taken. What a broker can repeat at will is counted in the ledger, not listed. */
  async function refuse(code: ProblemCode, detail?: string): Promise<void> {
    onRefused(new Refusal(code, detail));
    if (!toLedger.take()) return; // each is a write, and the card wears
    await ledger.append({ by: 'stranger', type: 'command-refused' });
  }

  function isTooMany(): boolean {
    const now = monotonic();
    while (lately.length > 0 && now - (lately[0] ?? 0) > hourMilliseconds) lately.shift();
    if (lately.length >= perHour) return true;
    lately.push(now);
    return false;
  }

  /** Whether the word is new. One that was taken before is answered as it was then. */
  async function isNew(type: 'command' | 'desired', word: Word, kid: string, digest: string): Promise<boolean> {
    const known = book.find(word.territory, word.id);
    if (known && known.digest === digest) {
      teller.tell(known);
      return false;
    }
    // Retained, it comes with each session.
    const now = book.desired();
    if (type === 'desired' && now?.command === word.id && now.territory === word.territory) return false;
    if (!known && word.sequence > book.spent(type, { territory: word.territory, kid })) return true;
    await refuse('command-replayed', word.id);
    return false;
  }

  /** As `read`, if it is new, by the keys that count now. */
  async function newest<T>(
    type: 'command' | 'desired',
    read: () => Promise<Verified<T>>,
    wordOf: (value: T) => Word,
  ): Promise<(Verified<T> & { ok: true }) | undefined> {
    const first = await read();
    if (!first.ok) return void (await refuse(codeOf[first.fault]));
    if (!(await isNew(type, wordOf(first.value), first.kid, first.digest))) return undefined;
    await reader.refresh();
    const now = await read();
    if (!now.ok) return void (await refuse(codeOf[now.fault]));
    return now;
  }

  async function takeCommand(id: string, jws: string): Promise<void> {
    const read = await newest(
      'command',
      () => reader.command(jws),
      (command) => command,
    );
    if (!read) return;
    const { value: command, kid, digest } = read;
    if (command.id !== id) return refuse('command-malformed', id);
    const now = clock.now();
    const verdict = isTooMany()
      ? ({ do: 'end', outcome: 'refused', code: 'command-rate' } as const)
      : judge(command, {
          ...{ now, trusted: clock.trusted(), settings: book.settings() },
          canUpdate: effects.update !== undefined,
        });
    const asked = { by: 'provider', type: 'command', facts: factsOf(command) } as const;
    const one = { command, digest, at: now, allowed: false, begun: null, told: false, result: null, waits: null };
    if (verdict.do === 'end') {
      const { outcome, code } = verdict;
      const result = resultOf(command, now, outcome, verdict);
      const facts = { ...factsOf(command), outcome, code };
      const made = await book.take({ ...one, phase: 'ended', result }, kid, [{ ...asked, facts }]);
      return teller.tell(made);
    }
    if (verdict.do === 'ask') {
      const result = resultOf(command, now, 'waits-for-owner', { text: 'the owner is asked' });
      const asks = { ...one, phase: 'waiting', waits: 'owner', result } as const;
      return runner.take(await book.take(asks, kid, [asked]));
    }
    const next = disturbing.has(command.kind)
      ? ({ ...one, phase: 'waiting', waits: 'apps' } as const)
      : ({ ...one, phase: 'begun', begun: parts.here() } as const);
    runner.take(await book.take(next, kid, [asked]));
  }

  async function takeDesired(jws: string): Promise<void> {
    const read = await newest(
      'desired',
      () => reader.desired(jws),
      ({ territory, command, revision }) => ({
        ...{ territory, id: command, sequence: revision },
      }),
    );
    if (!read) return;
    const { value: state, kid, digest } = read;
    const command = commandOf(state);
    const result = resultOf(command, clock.now(), 'done', { text: 'the intervals are kept to' });
    const { sampleSeconds, batchSeconds } = state.intervals;
    const facts = { ...factsOf(command), sampleSeconds, batchSeconds };
    const answer = { command, digest, at: clock.now(), allowed: false, begun: null, told: false, result, waits: null };
    await book.desire(state, kid, { ...answer, phase: 'ended' }, [{ by: 'provider', type: 'command', facts }]);
    const made = book.find(state.territory, state.command);
    if (made) teller.tell(made);
  }

  const own = (id: string): { territory: string; id: string } => ({ territory: standing()?.territory ?? '', id });

  return {
    heard: (id, payload) => inTurn(() => takeCommand(id, Buffer.from(payload).toString('latin1'))),
    desired(payload) {
      if (payload.length > 0) inTurn(() => takeDesired(Buffer.from(payload).toString('latin1')));
    },
    open: teller.open,
    intervals() {
      const state = book.desired();
      return state && state.territory === standing()?.territory ? state.intervals : undefined;
    },
    owner: {
      settings: book.settings,
      asked: () =>
        book
          .list()
          .slice(0, mostAsked)
          .map(({ command, at, waits, result }) => ({ command, at, waits, answer: result })),
      liveUntil: () => live.until() ?? null,
      allow: (id, signer) => runner.allow(own(id), signer),
      decline: (id, signer) => runner.decline(own(id), signer),
      rule: (kind, rule, signer) =>
        book.set(
          ({ rules }) => ({ rules: { ...rules, [kind]: rule } }),
          { by: 'owner', type: 'command-rule', facts: { kind, rule } },
          signer,
        ),
      async report(level, signer) {
        if (book.settings().reporting === level) return;
        const decision = { by: 'owner', type: 'reporting', facts: { level } } as const;
        await book.set(() => ({ reporting: level }), decision, signer);
        if (level === 'minimum') live.end();
        await parts.onReporting(level);
      },
      onChange(listener) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
    look: runner.look,
    start: runner.start,
    async stop() {
      stopped = true;
      noMore();
      await turn;
      await Promise.all([runner.stop(), live.stop()]);
      await teller.stop();
    },
    async idle() {
      await turn;
    },
  };
}

interface Word {
  territory: string;
  id: string;
  sequence: number;
}

/** What the owner reads of a desired state: as the command that it comes from. */
const commandOf = ({ territory, box, command: id, revision, intervals, issuedAt, by }: DesiredState): Command => ({
  ...{ territory, box, id, sequence: revision, kind: 'set-intervals', parameters: { ...intervals } },
  ...{ issuedAt, expiresAt: issuedAt, by },
});
