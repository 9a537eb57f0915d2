/**
 * The one writer of the apps' storage.
 *
 * A write is judged as it comes, against what is stored plus what the writes before it change, and joins the open group;
 * while one group goes to the disk in a synced batch with the apps' counters, the next one fills. So a compare-and-set is
 * exact without locks, and a busy box shares its disk flushes. Nobody is answered, not even refused, before everything
 * that the answer rests on is on the disk; when a group cannot be written, what was judged on top of it is refused too.
 */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { allows, type Conditions, etagOf } from '#contract/etag.js';
import { Refusal } from '#contract/problems.js';
import type { AppUsage, Store } from '../store/store.js';
import { buildHead, type Head, maxInlineBytes, parseHead } from './record.js';

export type Write = Conditions & { key: string } & (
    | { op: 'put'; value: Buffer; contentType: string }
    | { op: 'delete' }
  );

/** `etag` is null after a delete; `existed`: whether something was stored under the key before. */
export interface Written {
  key: string;
  etag: string | null;
  existed: boolean;
}

export interface Quota {
  id: string;
  quotaBytes: number;
}

export interface Writer {
  /** See Storage. `bytes` is what the puts add to the disk, about; 0 for deletes alone. */
  write(app: Quota, writes: readonly Write[], bytes: number): Promise<Written[]>;
  /** Whether a group is on its way to the disk that changes what lies there. */
  touches(place: string): boolean;
  usageOf(app: string): AppUsage;
  idle(): Promise<void>;
}

interface Request {
  app: Quota;
  writes: readonly Write[];
  bytes: number;
  resolve: (written: Written[]) => void;
  reject: (error: unknown) => void;
}

/** What is stored under a place after the group; no head: nothing. */
interface Change {
  head: Head | null;
  value: Buffer | undefined;
  /** Whether a large value's own record may lie there before. */
  wasApart: boolean;
}

interface Group {
  changes: Map<string, Change>;
  usages: Map<string, AppUsage>;
  outcomes: { settle: () => void; fail: (error: unknown) => void }[];
  bytes: number;
}

const newGroup = (): Group => ({ changes: new Map(), usages: new Map(), outcomes: [], bytes: 0 });

/** Beyond this the next writes wait, unjudged. */
const mostGroupBytes = 8 * 1024 * 1024;

export async function createWriter({
  store,
  clock,
  freeBytes,
  reserveBytes,
  leaving,
}: {
  store: Store;
  clock: Clock;
  freeBytes: () => number;
  reserveBytes: number;
  /** Told of each place that a group changes, in the turn in which the group goes to the disk. */
  leaving: (place: string) => void;
}): Promise<Writer> {
  const usages = new Map<string, AppUsage>(await store.apps.iterator().all());
  let open = newGroup();
  let inFlight: Group | undefined;
  let waiting: Request[] = [];
  let running: Promise<void> | undefined;

  const usageOf = (app: string): AppUsage => usages.get(app) ?? { revision: 0, usedBytes: 0 };

  function headOf(place: string): Head | null {
    const landing = inFlight?.changes.get(place);
    if (landing) return landing.head;
    const record = store.storageMeta.getSync(place);
    return record === undefined ? null : parseHead(record);
  }

  /** Adds the request to the open group, or throws and adds nothing. */
  function judge({ app, writes, bytes }: Request): Written[] {
    const usage = { ...(open.usages.get(app.id) ?? inFlight?.usages.get(app.id) ?? usageOf(app.id)) };
    const before = usage.usedBytes;
    const changes = new Map<string, Change>();
    const written = writes.map((write): Written => {
      const { key } = write;
      const place = `${app.id}!${key}`;
      const planned = changes.get(place) ?? open.changes.get(place);
      const head = planned ? planned.head : headOf(place);
      const wasApart = head?.apart === true || planned?.wasApart === true;
      if (!allows(write, head ? etagOf(head.revision) : undefined))
        throw new Refusal('precondition-failed', writes.length > 1 ? key : undefined);
      const existed = head !== null;
      const keyBytes = Buffer.byteLength(key);
      if (head) usage.usedBytes -= keyBytes + head.sizeBytes;
      if (write.op === 'delete') {
        changes.set(place, { head: null, value: undefined, wasApart });
        return { key, etag: null, existed };
      }
      const { value, contentType } = write;
      usage.usedBytes += keyBytes + value.length;
      usage.revision += 1;
      const { revision } = usage;
      const apart = value.length > maxInlineBytes;
      const next = { revision, modifiedAt: clock.now(), sizeBytes: value.length, contentType, apart };
      changes.set(place, { head: next, value, wasApart });
      return { key, etag: etagOf(revision), existed };
    });
    // What makes the app's storage smaller is always taken, also when its quota was lowered.
    if (usage.usedBytes > app.quotaBytes && usage.usedBytes > before)
      throw new Refusal('quota-exceeded', `${usage.usedBytes} of ${app.quotaBytes} bytes`);
    if (bytes > 0 && bytes > freeBytes() - reserveBytes - open.bytes - (inFlight?.bytes ?? 0))
      throw new Refusal('disk-full');
    for (const [place, change] of changes) open.changes.set(place, change);
    open.usages.set(app.id, usage);
    open.bytes += bytes;
    return written;
  }

  function take(request: Request): void {
    const { resolve, reject } = request;
    try {
      const written = judge(request);
      open.outcomes.push({ settle: () => resolve(written), fail: reject });
    } catch (error) {
      open.outcomes.push({ settle: () => reject(error), fail: reject });
    }
  }

  function operationsOf(group: Group): Operation[] {
    const { storage, storageMeta, apps } = store;
    const operations: Operation[] = [];
    for (const [place, { head, value, wasApart }] of group.changes) {
      if (!head?.apart && wasApart) operations.push({ type: 'del', sublevel: storage, key: place });
      if (!head || !value) {
        operations.push({ type: 'del', sublevel: storageMeta, key: place });
        continue;
      }
      const record = buildHead(head);
      const whole = Buffer.concat([record, value]);
      operations.push({ type: 'put', sublevel: storageMeta, key: place, value: head.apart ? record : whole });
      if (head.apart) operations.push({ type: 'put', sublevel: storage, key: place, value: whole });
    }
    for (const [app, usage] of group.usages) operations.push({ type: 'put', sublevel: apps, key: app, value: usage });
    return operations;
  }

  async function run(): Promise<void> {
    // Let the requests of this turn of the event loop come in first: they share the first group.
    await new Promise(setImmediate);
    while (open.outcomes.length > 0) {
      const group = open;
      inFlight = group;
      open = newGroup();
      for (const place of group.changes.keys()) leaving(place);
      try {
        await store.commit(operationsOf(group));
        for (const [app, usage] of group.usages) usages.set(app, usage);
        inFlight = undefined;
        for (const { settle } of group.outcomes) settle();
      } catch (error) {
        const above = open;
        open = newGroup();
        inFlight = undefined;
        for (const { fail } of [...group.outcomes, ...above.outcomes]) fail(error);
      }
      let count = 0;
      while (count < waiting.length && open.bytes < mostGroupBytes) take(waiting[count++]!);
      waiting = waiting.slice(count);
    }
    running = undefined;
  }

  return {
    usageOf,
    touches: (place) => inFlight?.changes.has(place) ?? false,
    write: (app, writes, bytes) =>
      new Promise((resolve, reject) => {
        const request = { app, writes, bytes, resolve, reject };
        if (waiting.length > 0 || open.bytes >= mostGroupBytes) waiting.push(request);
        else take(request);
        running ??= run();
      }),
    async idle() {
      await running;
    },
  };
}
