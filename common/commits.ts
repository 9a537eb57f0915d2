/**
 * Group commit: what many callers want written while the disk is busy goes down in one synced batch.
 *
 * A synced level batch costs a disk flush however much it holds (3,800 single puts a second, 283,000 in batches of
 * 500), so a busy server must share them. Order is that of the calls; a caller hears only of its own batch.
 */
import type { AbstractBatchOperation } from 'abstract-level';
import type { Level } from 'level';

export type Database = Level<string, unknown>;
export type Operation = AbstractBatchOperation<Database, string, unknown>;

export interface Commits {
  /** Resolves when the operations are on the disk, all of them. Rejects when none of them is. */
  commit(operations: readonly Operation[]): Promise<void>;
  /** Resolves when nothing waits any more. */
  idle(): Promise<void>;
}

interface Waiting {
  operations: readonly Operation[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

const most = 4000;
const smallBytes = 4096;

/**
 * One synced batch. Put one by one, with the operation itself as its options, an operation costs this thread a fifth of
 * what level's array of operations takes: level merges options into each of those, property by property. But what is put
 * so is freed by the garbage collector, which does not know how large it is: large values go by the array.
 */
async function write(db: Database, operations: Operation[]): Promise<void> {
  const isLarge = (value: unknown) =>
    (typeof value === 'string' || Buffer.isBuffer(value)) && value.length > smallBytes;
  if (operations.some((operation) => operation.type === 'put' && isLarge(operation.value)))
    return await db.batch(operations, { sync: true });
  const batch = db.batch();
  try {
    for (const operation of operations)
      if (operation.type === 'put') batch.put(operation.key, operation.value, operation);
      else batch.del(operation.key, operation);
  } catch (error) {
    await batch.close();
    throw error;
  }
  await batch.write({ sync: true } as object);
}

export function createCommits(db: Database): Commits {
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      let count = 0;
      let size = 0;
      while (count < waiting.length && size < most) size += waiting[count++]!.operations.length;
      const group = waiting.slice(0, count);
      waiting = waiting.slice(count);
      try {
        await write(
          db,
          group.flatMap((entry) => entry.operations),
        );
        for (const entry of group) entry.resolve();
      } catch (error) {
        for (const entry of group) entry.reject(error);
      }
    }
    running = undefined;
  }

  return {
    commit(operations) {
      if (operations.length === 0) return Promise.resolve();
      const done = new Promise<void>((resolve, reject) => waiting.push({ operations, resolve, reject }));
      running ??= run();
      return done;
    },
    async idle() {
      await running;
    },
  };
}
