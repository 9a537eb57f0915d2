/** One change on its way: one step after the other, each of its states on the disk before the next thing happens. */
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import { type ChangeRecord, type Facts, nextStep, type StepRecord } from './record.js';

export interface StepContext {
  /** Of the change. */
  id: string;
  parameters: Facts;
  /** Shared by the change's steps; on the disk with the step's next state. */
  data: Facts;
  /** Writes `data` down now, for a step that must not decide twice. */
  remember(): Promise<void>;
  /** What it is doing or waiting for, as a stable word. */
  note(word: string | null): void;
  /** Aborted when the agent stops, and when the change is turned round. */
  signal: AbortSignal;
  /** Milliseconds since 1970. */
  deadline: number | null;
}

export interface StepKind {
  /** Must bear being done again after a cut. An error with `seconds` says when to try again. */
  do(context: StepContext): Promise<void>;
  /** Must bear being undone when it was done in part only, or not at all. */
  undo?(context: StepContext): Promise<void>;
  /** Refused for good: the change is undone. Otherwise it is tried again. */
  isFinal?(refusal: Refusal, context: StepContext): boolean;
  /** Once it has begun there is no way back: the change goes on to its end. */
  noReturn?: boolean;
}

export interface Run {
  record(): ChangeRecord;
  start(): void;
  /** Makes it go back. @throws Refusal `change-past-return` */
  turn(why: Refusal | null): Promise<void>;
  stopped(): Promise<void>;
}

const firstPause = 1000;
const longestPause = 60_000;

const refusalOf = (error: unknown): Refusal =>
  error instanceof Refusal
    ? error
    : new Refusal('internal', error instanceof Error ? error.message : undefined, { cause: error });

/** Whoever was asked says when to come back (RFC 7030 section 4.2.3). */
const secondsIn = (error: unknown): number | undefined =>
  error instanceof Error && 'seconds' in error && typeof error.seconds === 'number' ? error.seconds : undefined;

function toldOf(refusal: Refusal): NonNullable<ChangeRecord['problem']> {
  const { code, title, remedy, detail } = refusal.problem;
  return { code, title, remedy, ...(detail ? { detail } : {}) };
}

export function createRun(wish: {
  record: ChangeRecord;
  kinds: Readonly<Record<string, StepKind>>;
  clock: Clock;
  signal: AbortSignal;
  save: (record: ChangeRecord) => Promise<void>;
  onChange: (record: ChangeRecord) => void;
  onRefused: (refusal: Refusal) => void;
}): Run {
  const { kinds, clock, signal, save, onChange, onRefused } = wish;
  let record = wish.record;
  const turning = new AbortController();
  let running: Promise<void> | undefined;

  // One transition at a time, each judged by what the one before left: an abort and the end of a step may meet.
  let queue: Promise<unknown> = Promise.resolve();
  function update(change: (now: ChangeRecord) => ChangeRecord | undefined): Promise<ChangeRecord> {
    const mine = queue.then(async () => {
      const next = change(record);
      if (!next) return record;
      await save(next);
      record = next;
      onChange(next);
      return next;
    });
    queue = mine.catch(() => {});
    return mine;
  }

  /** Seen at once, on the disk with the next transition. */
  function tell(change: Partial<ChangeRecord>): void {
    record = { ...record, ...change };
    onChange(record);
  }

  const withStep = (now: ChangeRecord, index: number, change: Partial<StepRecord>): ChangeRecord => ({
    ...now,
    steps: now.steps.map((step, at) => (at === index ? { ...step, ...change } : step)),
  });

  const isPastReturn = ({ steps }: ChangeRecord): boolean =>
    steps.some(({ kind, state }) => kinds[kind]?.noReturn && state !== 'waiting');

  async function turn(why: Refusal | null): Promise<void> {
    await update((now) => {
      if (now.endedAt !== null) throw new Refusal('change-ended', now.id);
      if (isPastReturn(now)) throw new Refusal('change-past-return', now.id);
      return now.way === 'undo' ? undefined : { ...now, way: 'undo', problem: why ? toldOf(why) : null };
    });
    turning.abort();
  }

  function contextOf(index: number, data: Facts): StepContext {
    return {
      id: record.id,
      parameters: record.steps[index]?.parameters ?? {},
      data,
      async remember() {
        await update((now) => ({ ...now, data: { ...data } }));
      },
      note: (word) => tell(withStep(record, index, { note: word })),
      signal: record.way === 'do' ? AbortSignal.any([signal, turning.signal]) : signal,
      deadline: record.deadlineAt,
    };
  }

  /** One step in one direction, as often as it takes. */
  async function perform(index: number, way: ChangeRecord['way']): Promise<void> {
    const kind = kinds[record.steps[index]?.kind ?? ''];
    if (!kind) throw new Error(`no step kind ${record.steps[index]?.kind}`);
    const [during, after] = way === 'do' ? (['doing', 'done'] as const) : (['undoing', 'undone'] as const);
    const begun = await update((now) =>
      now.way !== way || now.steps[index]?.state === during ? undefined : withStep(now, index, { state: during }),
    );
    if (begun.way !== way) return;
    let pause = firstPause;
    for (;;) {
      const data = { ...record.data };
      const context = contextOf(index, data);
      try {
        if (way === 'do') await kind.do(context);
        else await kind.undo?.(context);
        await update((now) => ({ ...withStep(now, index, { state: after, note: null }), data }));
        return;
      } catch (error) {
        if (signal.aborted || record.way !== way) return;
        const seconds = secondsIn(error);
        const refusal = seconds === undefined ? refusalOf(error) : undefined;
        if (refusal) {
          onRefused(refusal);
          if (way === 'do' && kind.isFinal?.(refusal, context) && !isPastReturn(record)) {
            await turn(refusal).catch(() => {}); // the record says what became of it
            return;
          }
          tell({ problem: toldOf(refusal) });
        }
        await clock.sleep(seconds === undefined ? pause * (0.5 + Math.random() / 2) : seconds * 1000, context.signal);
        if (signal.aborted || record.way !== way) return;
        pause = Math.min(pause * 2, longestPause);
      }
    }
  }

  async function keepDeadline(over: AbortSignal): Promise<void> {
    while (record.deadlineAt !== null && !over.aborted && record.way === 'do') {
      const left = record.deadlineAt - clock.now();
      if (left <= 0) return turn(new Refusal('change-deadline', record.id)).catch(() => {});
      await clock.sleep(left, over);
    }
  }

  async function run(): Promise<void> {
    const over = new AbortController();
    const watching = keepDeadline(AbortSignal.any([signal, over.signal]));
    while (!signal.aborted && record.endedAt === null) {
      const { way } = record;
      const index = nextStep(record);
      if (index !== undefined) await perform(index, way);
      else
        await update((now) => {
          if (now.way !== way) return undefined;
          const problem = way === 'do' ? null : now.problem;
          return { ...now, endedAt: clock.now(), problem };
        });
    }
    over.abort();
    await watching;
  }

  /** A store that cannot be written now may be written later: the change waits where it is. */
  async function insist(): Promise<void> {
    let pause = firstPause;
    while (!signal.aborted && record.endedAt === null) {
      try {
        await run();
      } catch (error) {
        onRefused(refusalOf(error));
        await clock.sleep(pause, signal);
        pause = Math.min(pause * 2, longestPause);
      }
    }
  }

  return {
    record: () => record,
    start() {
      running ??= insist();
    },
    turn,
    stopped: async () => {
      await running;
    },
  };
}
