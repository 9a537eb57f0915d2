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
import type { StorageChange } from './feed.js';
import { type Head, maxInlineBytes } from './record.js';
import type { Vault, Vaults } from './vault.js';

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
  /** What such a group finds there: null for nothing, undefined where none is on its way. */
  before(place: string): Head | null | undefined;
  usageOf(app: string): AppUsage;
  /** Nothing is stored any more; what was counted for ETags stays. The app must not be written to. */
  clear(app: string): Promise<void>;
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
  app: string;
  key: string;
  vault: Vault;
  row: string;
  head: Head | null;
  /** What is stored there before the group. */
  before: Head | null;
  value: Buffer | undefined;
  /** Whether a large value's own record may lie there before. */
  wasApart: boolean;
}

interface Group {
  changes: Map<string, Change>;
  usages: Map<string, AppUsage>;
  outcomes: { app: string; settle: () => void; fail: (error: unknown) => void }[];
  bytes: number;
}

const newGroup = (): Group => ({ changes: new Map(), usages: new Map(), outcomes: [], bytes: 0 });

/** What a group really changes, by app. */
function byApp(group: Group): Map<string, { vault: Vault; changes: Change[] }> {
  const apps = new Map<string, { vault: Vault; changes: Change[] }>();
  for (const change of group.changes.values()) {
    const { app, vault, head, before } = change;
    if (!(head || before || change.wasApart)) continue;
    const known = apps.get(app);
    if (known) known.changes.push(change);
    else apps.set(app, { vault, changes: [change] });
  }
  return apps;
}

/** @throws Refusal `storage-damaged` */
function operationsFor(vault: Vault, changes: readonly Change[]): Operation[] {
  const operations: Operation[] = [];
  const renamed = new Map<string, boolean>();
  for (const change of changes) {
    const { key, head, before } = change;
    vault.put(operations, change);
    if ((head === null) !== (before === null)) renamed.set(key, head !== null);
  }
  operations.push(...vault.rename(renamed));
  return operations;
}

/** Beyond this the next writes wait, unjudged. */
const mostGroupBytes = 8 * 1024 * 1024;
/** Each is sealed before the group goes to the disk: nobody is answered meanwhile. */
const mostGroupChanges = 2000;

export const placeOf = (app: string, key: string): string => `${app}!${key}`;

export async function createWriter({
  store,
  vaults,
  clock,
  freeBytes,
  reserveBytes,
  leaving,
  landed,
}: {
  store: Store;
  vaults: Vaults;
  clock: Clock;
  freeBytes: () => number;
  reserveBytes: number;
  /** Told of each place that a group changes, in the turn in which the group goes to the disk. */
  leaving: (place: string) => void;
  /** Told of what an app has changed, in the turn in which its writers are answered. */
  landed: (app: string, changes: readonly StorageChange[]) => void;
}): Promise<Writer> {
  const usages = new Map<string, AppUsage>(await store.apps.iterator().all());
  let open = newGroup();
  let inFlight: Group | undefined;
  let waiting: Request[] = [];
  let running: Promise<void> | undefined;

  const usageOf = (app: string): AppUsage => usages.get(app) ?? { revision: 0, usedBytes: 0 };

  function headOf(vault: Vault, place: string, key: string, row: string): Head | null {
    const landing = inFlight?.changes.get(place);
    return landing ? landing.head : (vault.head(key, row) ?? null);
  }

  const isFull = (): boolean => open.bytes >= mostGroupBytes || open.changes.size >= mostGroupChanges;

  /** Adds the request to the open group, or throws and adds nothing. */
  function judge({ app, writes, bytes }: Request): Written[] {
    const usage = { ...(open.usages.get(app.id) ?? inFlight?.usages.get(app.id) ?? usageOf(app.id)) };
    const usedBefore = usage.usedBytes;
    const changes = new Map<string, Change>();
    const vault = vaults.of(app.id);
    const written = writes.map((write): Written => {
      const { key } = write;
      if (!vault) {
        if (write.op === 'put') throw new Refusal('unavailable'); // it was forgotten meanwhile
        if (!allows(write, undefined)) throw new Refusal('precondition-failed', writes.length > 1 ? key : undefined);
        return { key, etag: null, existed: false };
      }
      const place = placeOf(app.id, key);
      const planned = changes.get(place) ?? open.changes.get(place);
      const row = planned?.row ?? vault.rowOf(key);
      const head = planned ? planned.head : headOf(vault, place, key, row);
      const before = planned ? planned.before : head;
      const wasApart = head?.apart === true || planned?.wasApart === true;
      if (!allows(write, head ? etagOf(head.revision) : undefined))
        throw new Refusal('precondition-failed', writes.length > 1 ? key : undefined);
      const changeTo = (to: Head | null, value: Buffer | undefined): Change => {
        return { app: app.id, key, vault, row, before, head: to, value, wasApart };
      };
      const existed = head !== null;
      const keyBytes = Buffer.byteLength(key);
      if (head) usage.usedBytes -= keyBytes + head.sizeBytes;
      if (write.op === 'delete') {
        changes.set(place, changeTo(null, undefined));
        return { key, etag: null, existed };
      }
      const { value, contentType } = write;
      usage.usedBytes += keyBytes + value.length;
      usage.revision += 1;
      const { revision } = usage;
      const apart = value.length > maxInlineBytes;
      const next = { revision, modifiedAt: clock.now(), sizeBytes: value.length, contentType, apart };
      changes.set(place, changeTo(next, value));
      return { key, etag: etagOf(revision), existed };
    });
    // What makes the app's storage smaller is always taken, also when its quota was lowered.
    if (usage.usedBytes > app.quotaBytes && usage.usedBytes > usedBefore)
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
    const app = request.app.id;
    try {
      const written = judge(request);
      open.outcomes.push({ app, settle: () => resolve(written), fail: reject });
    } catch (error) {
      open.outcomes.push({ app, settle: () => reject(error), fail: reject });
    }
  }

  /** One app's damage is its own: the others' writes go on without it. */
  function expel(group: Group, app: string, error: unknown): void {
    for (const [place, change] of group.changes) if (change.app === app) group.changes.delete(place);
    group.usages.delete(app);
    for (const outcome of group.outcomes) if (outcome.app === app) outcome.fail(error);
    group.outcomes = group.outcomes.filter((outcome) => outcome.app !== app);
  }

  function operationsOf(group: Group): Operation[] {
    const operations: Operation[] = [];
    for (const [app, { vault, changes }] of byApp(group))
      try {
        operations.push(...operationsFor(vault, changes));
      } catch (error) {
        vault.names.land(false);
        expel(group, app, error);
      }
    for (const [app, usage] of group.usages)
      operations.push({ type: 'put', sublevel: store.apps, key: app, value: usage });
    return operations;
  }

  function land(group: Group, isThere: boolean): void {
    for (const [app, { vault, changes }] of byApp(group)) {
      vault.names.land(isThere);
      const seen = changes.filter(({ head, before }) => head || before);
      if (isThere)
        landed(
          app,
          seen.map(({ key, head }) => ({ key, etag: head && etagOf(head.revision) })),
        );
    }
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
        land(group, true);
      } catch (error) {
        const above = open;
        open = newGroup();
        inFlight = undefined;
        land(group, false);
        for (const { fail } of [...group.outcomes, ...above.outcomes]) fail(error);
      }
      let count = 0;
      while (count < waiting.length && !isFull()) take(waiting[count++]!);
      waiting = waiting.slice(count);
    }
    running = undefined;
  }

  const write = (app: Quota, writes: readonly Write[], bytes: number): Promise<Written[]> =>
    new Promise((resolve, reject) => {
      const request = { app, writes, bytes, resolve, reject };
      if (waiting.length > 0 || isFull()) waiting.push(request);
      else take(request);
      running ??= run();
    });

  return {
    usageOf,
    touches: (place) => inFlight?.changes.has(place) ?? false,
    before: (place) => inFlight?.changes.get(place)?.before,
    write,
    async clear(app) {
      const usage = { ...usageOf(app), usedBytes: 0 };
      await store.commit([{ type: 'put', sublevel: store.apps, key: app, value: usage }]);
      usages.set(app, usage);
    },
    async idle() {
      await running;
    },
  };
}
