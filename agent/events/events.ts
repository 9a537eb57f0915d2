/**
 * The events of this box: what of its life an operator answers for and an auditor asks about. They come from the ledger,
 * entry by entry, from how the agent starts, and from whoever calls `record`; what the owner keeps back is not written.
 */
import type { Clock } from '#common/clock.js';
import { isDiskFull } from '#common/database.js';
import { type EventType, eventKind, eventTable } from '#contract/event-table.js';
import type { EventFacts } from '#contract/events.js';
import type { LedgerEntry } from '#contract/ledger.js';
import type { ToldEvent } from '#contract/owner-commands.js';
import { Refusal } from '#contract/problems.js';
import type { Reporting } from '#contract/status.js';
import type { Ledger } from '../consent/ledger.js';
import type { TrustedTime } from '../time/trusted-time.js';
import { asTold, type Book, keptTold, type Marks } from './book.js';
import { type Carrier, createCarrier, type Port } from './carrier.js';
import { fromLedger } from './ledger-facts.js';
import type { Fresh } from './pace.js';
import { started } from './starts.js';

export interface Happening {
  type: EventType;
  /** What makes it the same again, where a kind can be about several things. */
  about?: string;
  facts?: EventFacts;
}

export interface Events {
  /** Durable soon: while the disk is full it waits in memory. Never rejects. */
  record(happening: Happening): Promise<void>;
  /** Which system runs: asked at each connection. */
  sawSystem(os: string): Promise<void>;
  /** A session of the link has begun, behind its birth. */
  open(port: Port): Promise<Carrier>;
  /** What waits is looked through again: the owner has set how much is told. */
  reporting(): Promise<void>;
  counts(): { waiting: number; lost: number; last: number; acknowledged: number };
  /** The newest of them, for the owner to look at. */
  newest(): Promise<ToldEvent[]>;
  start(): Promise<void>;
  /** An orderly end. */
  stop(): Promise<void>;
}

type Keyed = Fresh & { key: string };

const lookMilliseconds = 900_000;
const mostPending = 100;
const ledgerPage = 200;
/** Of a boot that nobody knows any more: its time is not put right. */
const never = { boot: '', monotonic: 0 };

export async function createEvents(wish: {
  book: Book;
  ledger: Pick<Ledger, 'entries' | 'head' | 'onAppend'>;
  clock: TrustedTime;
  /** Of the machine: what is slept by. */
  ticks: Pick<Clock, 'sleep'>;
  level: () => Reporting;
  /** Of which the box is now. */
  territory: () => string | undefined;
  /** Of the outbox. */
  epoch: () => string;
  /** Whether this box has told of itself before: what its ledger holds by then is not told again. */
  isUsed: boolean;
  start: Parameters<typeof started>[1];
  random?: () => number;
  onRefused: (refusal: Refusal) => void;
}): Promise<Events> {
  const { book, ledger, clock, ticks, level, territory, onRefused, random = Math.random } = wish;
  const stopping = new AbortController();
  const carriers = new Set<Carrier>();
  let pending: Keyed[] = [];
  let marks: Marks = book.state().marks;
  let openedAt = Number.POSITIVE_INFINITY;
  let running: Promise<void> | undefined;
  let ends: (() => void)[] = [];

  const mayTell = (type: string): boolean => level() === 'full' || eventKind(type)?.minimum === true;

  function keyed({ type, about = '', facts = {} }: Happening, fresh: Partial<Fresh> = {}): Keyed[] {
    if (!mayTell(type)) return [];
    const { at, uncertain } = clock.stamp();
    const now = uncertain ? { at, uncertain } : { at };
    const whose = { territory: territory() };
    return [{ key: `${type} ${about}`, type, severity: eventTable[type].severity, facts, ...now, ...whose, ...fresh }];
  }

  let turn: Promise<void> = Promise.resolve();
  function inTurn(work: () => Promise<void>): Promise<void> {
    turn = turn.then(work).catch((error: unknown) => {
      const code = isDiskFull(error) ? 'disk-full' : 'internal';
      onRefused(new Refusal(code, 'cannot store events; they wait', { cause: error }));
    });
    return turn;
  }

  const wake = (): void => {
    for (const carrier of carriers) carrier.wake();
  };

  async function write(more: readonly Keyed[] = [], next: Marks = {}): Promise<void> {
    const all = [...pending, ...more];
    if (all.length === 0 && Object.keys(next).length === 0) return;
    await book.add(all, next);
    const written = new Set(all);
    pending = pending.filter((one) => !written.has(one)); // some may have come meanwhile
    marks = { ...marks, ...next };
    wake();
  }

  /** What was appended in this run has the time of now where the ledger did not know it. */
  function ofEntry(entry: LedgerEntry): Keyed[] {
    const found = fromLedger(entry);
    if (!found) return [];
    const isDated = entry.facts.clock !== 'not-set';
    const when = isDated ? { at: entry.at, uncertain: undefined } : entry.index > openedAt ? {} : { uncertain: never };
    return keyed(found, { ...when, ...(found.territory !== undefined && { territory: found.territory }) });
  }

  async function readLedger(): Promise<void> {
    for (;;) {
      const head = ledger.head();
      if (!head) return;
      const after = marks.ledger?.id === head.ledger ? marks.ledger.index : -1;
      const page = await ledger.entries({ after, limit: ledgerPage });
      const last = page.at(-1);
      if (!last) return;
      const ledgerMark = { ledger: { id: last.ledger, index: last.index } };
      // What is never told costs no write: it is looked at once more after a restart.
      if (page.some((entry) => fromLedger(entry))) await write(page.flatMap(ofEntry), ledgerMark);
      else marks = { ...marks, ...ledgerMark };
    }
  }

  async function look(): Promise<void> {
    await readLedger();
    await write();
    await book.release();
    wake();
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await ticks.sleep(lookMilliseconds, stopping.signal);
      if (!stopping.signal.aborted) await inTurn(look);
    }
  }

  async function begin(): Promise<void> {
    const { happened, start } = started(marks.start, wish.start);
    const head = ledger.head();
    openedAt = head ? head.length - 1 : -1;
    const skipped = wish.isUsed && !marks.ledger && head ? { ledger: { id: head.ledger, index: openedAt } } : {};
    await write(
      happened.flatMap(({ type, facts }) => keyed({ type, facts, about: String(facts.what ?? '') })),
      { start, ...skipped },
    );
    await look();
  }

  return {
    record: (happening) => {
      const made = keyed(happening);
      if (made.length === 0) return Promise.resolve();
      pending = [...pending, ...made].slice(-mostPending);
      return inTurn(write);
    },
    sawSystem: (os) =>
      inTurn(async () => {
        const before = marks.start;
        if (!before || before.os === os) return;
        const facts = { what: 'system', from: (before.os ?? '').slice(0, 200), to: os.slice(0, 200) };
        await write(before.os === undefined ? [] : keyed({ type: 'software-changed', about: 'system', facts }), {
          start: { ...before, os },
        });
      }),
    async open(port) {
      await inTurn(async () => {
        await book.follow({ epoch: wish.epoch(), territory: territory() });
        const known = clock.bootTime();
        if (known) await book.correct(known);
      });
      const plain = createCarrier({ port, book, clock: { ...ticks, now: clock.now }, random, onRefused });
      const carrier: Carrier = {
        ...plain,
        async stop() {
          carriers.delete(carrier);
          await plain.stop();
        },
      };
      carriers.add(carrier);
      return carrier;
    },
    reporting: () =>
      inTurn(async () => {
        await readLedger(); // what was told before the owner's word, is judged by it too
        await book.giveUp(({ type }) => !mayTell(type));
        wake();
      }),
    counts() {
      const { waiting, lost, last, acknowledged } = book.state();
      return { waiting, lost, last, acknowledged };
    },
    async newest() {
      const { acknowledged } = book.state();
      return (await book.newest(keptTold)).map((row) => ({ event: asTold(row), told: row.seq <= acknowledged }));
    },
    async start() {
      await inTurn(begin);
      const correct = (): void => {
        const known = clock.bootTime();
        if (known) void inTurn(() => book.correct(known));
      };
      ends = [clock.subscribe(correct), ledger.onAppend(() => void inTurn(readLedger))];
      correct();
      running = run();
    },
    async stop() {
      stopping.abort();
      for (const end of ends) end();
      await running;
      await inTurn(async () => {
        await readLedger();
        if (marks.start) await write([], { start: { ...marks.start, ended: true } });
      });
    },
  };
}
