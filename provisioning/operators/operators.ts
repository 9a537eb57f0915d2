/**
 * Who may work here, and in which role. Each has a secret of 256 random bits, shown once and stored as its hash: nothing
 * to guess, nothing to choose badly, and nothing in a backup that lets anybody in.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import { mayDo } from '#contract/may-do.js';
import { type CreatedOperator, firstAdmin, type NewOperator, type Operator, type Role } from '#contract/operators.js';
import { Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import type { Turns } from '../store/turns.js';
import type { OperatorRecord } from '../store/watch.js';

export interface Operators {
  /** By name, the first admin first. */
  list(): Operator[];
  get(name: string): Operator | undefined;
  /** Whose secret it is. */
  find(secret: string): Operator | undefined;
  /** @throws Refusal `operator-exists`, `operators-too-many` */
  add(wish: NewOperator): Promise<CreatedOperator>;
  /** @throws Refusal `operator-unknown`, `operator-built-in` */
  setRole(name: string, role: Role): Promise<Operator>;
  /** A new secret; the one before is worth nothing from now on. @throws Refusal `operator-unknown` */
  reset(name: string): Promise<CreatedOperator>;
  /** @throws Refusal `operator-unknown`, `operator-built-in` */
  remove(name: string): Promise<void>;
  /** Told the name when an operator is gone, may less, or has another secret: what was opened with the old one ends. */
  onEnded(listener: (name: string) => void): () => void;
}

export interface OperatorsParts {
  store: Store;
  clock: Pick<Clock, 'now'>;
  turns: Turns;
  /** The first admin's secret, which lies in the directory and not in the store. */
  first: { read(): Promise<string>; write(secret: string): Promise<void> };
}

const most = 500;
const digest = (secret: string): Buffer => createHash('sha256').update(secret).digest();
const newSecret = (): string => randomBytes(32).toString('base64url');

const viewOf = (name: string, { role, createdAt, secretAt }: OperatorRecord): Operator => ({
  name,
  role,
  builtIn: false,
  createdAt,
  secretAt,
});

export async function openOperators({ store, clock, turns, first }: OperatorsParts): Promise<Operators> {
  const records = new Map(await store.operators.iterator().all());
  let firstHash = digest(await first.read());
  const listeners = new Set<(name: string) => void>();
  const ended = (name: string) => {
    for (const listener of listeners) listener(name);
  };
  const builtIn: Operator = { name: firstAdmin, role: 'admin', builtIn: true, createdAt: null, secretAt: null };
  const inTurn = <T>(work: () => Promise<T>) => turns.take('operators', work);

  function known(name: string): OperatorRecord {
    if (name === firstAdmin) throw new Refusal('operator-built-in');
    const record = records.get(name);
    if (!record) throw new Refusal('operator-unknown', name);
    return record;
  }

  async function keep(name: string, record: OperatorRecord): Promise<Operator> {
    await store.commit([{ type: 'put', sublevel: store.operators, key: name, value: record }]);
    records.set(name, record);
    return viewOf(name, record);
  }

  return {
    list: () => [
      builtIn,
      ...[...records].map(([name, record]) => viewOf(name, record)).sort((a, b) => (a.name < b.name ? -1 : 1)),
    ],
    get(name) {
      const record = records.get(name);
      return name === firstAdmin ? builtIn : record && viewOf(name, record);
    },
    find(secret) {
      const given = digest(secret);
      if (timingSafeEqual(given, firstHash)) return builtIn;
      for (const [name, record] of records)
        if (timingSafeEqual(given, Buffer.from(record.hash, 'hex'))) return viewOf(name, record);
      return undefined;
    },
    add: ({ name, role }) =>
      inTurn(async () => {
        if (name === firstAdmin || records.has(name)) throw new Refusal('operator-exists', name);
        if (records.size >= most) throw new Refusal('operators-too-many', `${most} at most`);
        const secret = newSecret();
        const now = clock.now();
        const record = { role, hash: digest(secret).toString('hex'), createdAt: now, secretAt: now };
        return { ...(await keep(name, record)), secret };
      }),
    setRole: (name, role) =>
      inTurn(async () => {
        const before = known(name);
        const after = await keep(name, { ...before, role });
        if (!mayDo(role, before.role)) ended(name);
        return after;
      }),
    reset: (name) =>
      inTurn(async () => {
        const secret = newSecret();
        if (name === firstAdmin) {
          await first.write(secret);
          firstHash = digest(secret);
          ended(name);
          return { ...builtIn, secret };
        }
        const record = { ...known(name), hash: digest(secret).toString('hex'), secretAt: clock.now() };
        const after = await keep(name, record);
        ended(name);
        return { ...after, secret };
      }),
    remove: (name) =>
      inTurn(async () => {
        known(name);
        await store.commit([{ type: 'del', sublevel: store.operators, key: name }]);
        records.delete(name);
        ended(name);
      }),
    onEnded(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
