/**
 * Writes commits of the one that holds the lease. Each is one statement, and so one transaction: it moves the row of the
 * control plane from the commit before to this one, by its token, and the records with it.
 *
 * A commit that was sent has an outcome, whether or not its answer came: it is asked again until that is known, and the
 * next one waits. So what is rejected is not there, and never will be. Before it is sent it may be rejected: the database
 * is given some seconds to come back, then whoever writes is told at once until it does.
 */
import type pg from 'pg';
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import { faultOf } from '../postgres/faults.js';
import type { Sessions } from '../postgres/sessions.js';
import type { Held } from './lease.js';
import type { Change } from './through-level.js';

export interface Writer {
  /**
   * Answers the number of the commit. One at a time.
   * @throws Refusal `database-unreachable`, `disk-full`; `control-lost` from then on
   */
  write(changes: readonly Change[]): Promise<number>;
  /** Forgets what was deleted so long ago that no copy needs to hear of it. */
  prune(): Promise<void>;
  /** Why it writes no more. */
  lose(why: Refusal): void;
  stop(): Promise<void>;
}

export interface WriterParts {
  sessions: Pick<Sessions, 'own' | 'ask'>;
  held: Held;
  leaseMilliseconds: number;
  onLost: (why: Refusal) => void;
  clock: Pick<Clock, 'sleep'>;
  /** Milliseconds of a clock that nobody sets. */
  elapsed?: () => number;
}

/** How long the database may be away before whoever writes is told. */
const patienceMilliseconds = 10_000;
const retryMilliseconds = 200;
/** A statement that takes longer has lost its network. */
const longestMilliseconds = 20_000;
/** Commits that a copy may be behind and still be told what was deleted. */
export const remembered = 100_000;

const bytes = (text: string | Uint8Array): Buffer =>
  typeof text === 'string' ? Buffer.from(text) : Buffer.from(text.buffer, text.byteOffset, text.byteLength);

/** The last of each key. */
export function lastOfEach(changes: readonly Change[]): { keys: Buffer[]; values: (Buffer | null)[] } {
  const found = new Map<string, { key: Buffer; value: Buffer | null }>();
  for (const change of changes) {
    const key = bytes(change.key);
    found.set(key.toString('latin1'), { key, value: change.type === 'put' ? bytes(change.value) : null });
  }
  const all = [...found.values()];
  return { keys: all.map(({ key }) => key), values: all.map(({ value }) => value) };
}

const statement = `
  WITH fence AS (
    UPDATE control SET written = $2, expires = clock_timestamp() + $3 * interval '1 millisecond'
    WHERE token = $1 AND written = $2 - 1 RETURNING written
  ), records AS (
    INSERT INTO control_records (key, value, written)
    SELECT key, value, $2 FROM unnest($4::bytea[], $5::bytea[]) AS n (key, value) WHERE EXISTS (SELECT FROM fence)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, written = excluded.written
  )
  SELECT written FROM fence`;

export function createWriter({
  sessions,
  held: { token, written: begun },
  leaseMilliseconds,
  onLost,
  clock,
  elapsed = () => performance.now(),
}: WriterParts): Writer {
  const stopping = new AbortController();
  let written = begun;
  let session: pg.Client | undefined;
  let awaySince: number | undefined;
  let lost: Refusal | undefined;
  let pruned = 0;

  function lose(why: Refusal): void {
    if (lost) return;
    lost = why;
    stopping.abort();
    onLost(why);
  }

  /** A session, while nothing has been sent: what is rejected here has changed nothing. */
  async function connect(): Promise<pg.Client> {
    for (;;) {
      if (lost) throw lost;
      if (session) return session;
      try {
        const opened = await sessions.own();
        const forget = () => {
          if (session === opened) session = undefined;
        };
        opened.on('error', forget);
        opened.on('end', forget);
        awaySince = undefined;
        session = opened;
        return opened;
      } catch (error) {
        awaySince ??= elapsed();
        if (elapsed() - awaySince > patienceMilliseconds) throw error;
        await clock.sleep(retryMilliseconds, stopping.signal);
      }
    }
  }

  async function ask<R extends object>(asked: pg.Client, text: string, values: unknown[]): Promise<R[]> {
    try {
      return (await asked.query<R>({ text, values, query_timeout: longestMilliseconds } as never)).rows;
    } catch (error) {
      const fault = faultOf(error);
      if (!isFinal(fault)) {
        if (session === asked) session = undefined;
        void asked.end().catch(() => {});
      }
      throw fault;
    }
  }

  /** Whether it is there: what was refused may have been taken the time before, when its answer was lost. */
  async function isThere(asked: pg.Client, number: number): Promise<boolean> {
    const [row] = await ask<Held>(asked, 'SELECT token, written FROM control', []);
    if (row?.token !== token) lose(new Refusal('control-lost'));
    else if (row.written < number - 1)
      lose(new Refusal('database-behind', `it knows commit ${row.written}, and had taken ${number - 1}`));
    return row?.written === number;
  }

  async function write(changes: readonly Change[]): Promise<number> {
    const number = written + 1;
    const { keys, values } = lastOfEach(changes);
    for (let isSent = false; ; ) {
      if (lost) throw lost;
      try {
        const asked = await connect();
        isSent = true;
        const done = await ask(asked, statement, [token, number, leaseMilliseconds, keys, values]);
        if (done.length === 0 && !(await isThere(asked, number))) continue;
        written = number;
        return number;
      } catch (error) {
        if (!isSent || isFinal(error)) throw lost ?? error;
        await clock.sleep(retryMilliseconds, stopping.signal); // and nothing else is written before it is known
      }
    }
  }

  return {
    write,
    lose,
    async prune() {
      const before = written - remembered;
      if (before <= pruned + remembered / 100) return;
      await sessions.ask(
        `WITH fence AS (UPDATE control SET pruned = $2 WHERE token = $1 AND pruned < $2 RETURNING pruned)
         DELETE FROM control_records WHERE value IS NULL AND written <= $2 AND EXISTS (SELECT FROM fence)`,
        [token, before],
      );
      pruned = before;
    },
    async stop() {
      lose(new Refusal('control-lost', 'it has stopped'));
      await session?.end().catch(() => {});
    },
  };
}

/** The database has answered, and would answer the same again. */
const isFinal = (fault: unknown): boolean =>
  fault instanceof Refusal
    ? fault.code === 'disk-full'
    : fault instanceof Error && /^(22|23|42|54)/.test((fault as { code?: string }).code ?? '');
