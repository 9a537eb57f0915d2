/** The rows of one app: what lies in the database sealed is here what it means, and back. Reads are synchronous. */
import type { AbstractSnapshot } from 'abstract-level';
import type { Operation } from '#common/commits.js';
import { Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import type { Keys } from './keys.js';
import { createNames, type Names } from './names.js';
import { buildPage, type Page, parsePage } from './page.js';
import { createRecent, type Recent } from './recent.js';
import { buildHead, type Head, parseHead, valueIn } from './record.js';
import type { Seal } from './seal.js';

export interface Vault {
  readonly names: Names;
  /** Where what is known of a key lies: worked out once by who asks more than once. */
  rowOf(key: string): string;
  /** @throws Refusal `storage-damaged` */
  head(key: string, row?: string): Head | undefined;
  /** @throws Refusal `storage-damaged` */
  get(key: string): { head: Head; value: Buffer } | undefined;
  /** Undefined where nothing is stored. @throws Refusal `storage-damaged` */
  heads(keys: readonly string[], snapshot: AbstractSnapshot): Promise<(Head | undefined)[]>;
  /** Adds what is to be done. No head: nothing is to be stored. `wasApart`: a large value may lie there. */
  put(
    operations: Operation[],
    change: { key: string; row: string; head: Head | null; value: Buffer | undefined; wasApart: boolean },
  ): void;
  /** Plans what becomes of the names. @throws Refusal `storage-damaged` */
  rename(edits: ReadonlyMap<string, boolean>): Operation[];
}

/** So many rows are opened in one go before others have their turn. */
const atOnce = 100;

export function createVault(wish: { app: string; seal: Seal; store: Store; pages: Recent<Page> }): Vault {
  const { app, seal, store, pages } = wish;
  const { values, largeValues, names: pageRows } = store;
  const rowOf = (key: string): string => `${app}!${seal.rowOf(key)}`;
  const placeOf = (id: string): string => `${app}!${id}`;

  const names = createNames({
    read(id) {
      const known = pages.get(placeOf(id));
      if (known) return known;
      const row = pageRows.getSync(placeOf(id));
      if (row === undefined) return undefined;
      const page = parsePage(seal.open('page', id, row));
      pages.keep(placeOf(id), page);
      return page;
    },
    keep: (id, page) => pages.keep(placeOf(id), page),
    forget: (id) => pages.forget(placeOf(id)),
  });

  function recordIn(row: Buffer | undefined, key: string, kind: 'value' | 'large' = 'value') {
    if (row === undefined) return undefined;
    const record = seal.open(kind, key, row);
    return { head: parseHead(record), record };
  }

  return {
    names,
    rowOf,
    head: (key, row = rowOf(key)) => recordIn(values.getSync(row), key)?.head,
    get(key) {
      const row = rowOf(key);
      let missed: number | undefined;
      for (;;) {
        const found = recordIn(values.getSync(row), key);
        if (!found) return undefined;
        const { head } = found;
        if (!head.apart) return { head, value: valueIn(found.record) };
        // Between the two reads a group may have landed: a large value has its own head, and may be gone.
        const large = recordIn(largeValues.getSync(row), key, 'large');
        if (large) return { head: large.head, value: valueIn(large.record) };
        if (missed === head.revision) throw new Refusal('storage-damaged', key);
        missed = head.revision;
      }
    },
    async heads(keys, snapshot) {
      const heads: (Head | undefined)[] = [];
      const rows = await values.getMany(keys.map(rowOf), { snapshot });
      for (const [at, row] of rows.entries()) {
        if (at > 0 && at % atOnce === 0) await new Promise(setImmediate);
        heads.push(recordIn(row, keys[at]!)?.head);
      }
      return heads;
    },
    put(operations, { key, row, head, value, wasApart }) {
      if (!head?.apart && wasApart) operations.push({ type: 'del', sublevel: largeValues, key: row });
      if (!head || !value) return void operations.push({ type: 'del', sublevel: values, key: row });
      const record = buildHead(head);
      const whole = Buffer.concat([record, value]);
      const small = seal.seal('value', key, head.apart ? record : whole);
      operations.push({ type: 'put', sublevel: values, key: row, value: small });
      if (head.apart) {
        const large = seal.seal('large', key, whole);
        operations.push({ type: 'put', sublevel: largeValues, key: row, value: large });
      }
    },
    rename(edits) {
      if (edits.size === 0) return [];
      return [...names.plan(edits)].map(([id, page]): Operation => {
        const key = placeOf(id);
        if (!page) return { type: 'del', sublevel: pageRows, key };
        return { type: 'put', sublevel: pageRows, key, value: seal.seal('page', id, buildPage(page)) };
      });
    },
  };
}

export interface Vaults {
  /** Undefined: nothing is stored. @throws Refusal as `Keys.of` */
  of(app: string): Vault | undefined;
  /** Makes the app's key where it has none. @throws Refusal as `Keys.of` */
  make(app: string): Promise<Vault>;
  /** What was stored cannot be read from then on. */
  destroy(app: string): Promise<void>;
  /** The rows are gone: another key may be made. */
  release(app: string): void;
}

/** Of pages of names in memory, all apps together. */
const pagesBytes = 2 * 1024 * 1024;
/** A character is a byte; what holds a name costs about as much as a name. */
const sizeOf = ({ names, ids = [] }: Page): number =>
  names.reduce((sum, name) => sum + name.length + 32, 0) + ids.length * 32;

export function createVaults({ keys, store }: { keys: Keys; store: Store }): Vaults {
  const pages = createRecent<Page>({ budgetBytes: pagesBytes, sizeOf });
  const open = new Map<string, Vault>();

  function vaultOf(app: string, seal: Seal): Vault {
    const vault = open.get(app) ?? createVault({ app, seal, store, pages });
    open.set(app, vault);
    return vault;
  }

  return {
    of(app) {
      const seal = keys.of(app);
      return seal && vaultOf(app, seal);
    },
    make: async (app) => vaultOf(app, await keys.make(app)),
    async destroy(app) {
      await keys.destroy(app);
      open.delete(app);
      pages.forgetBelow(`${app}!`);
    },
    release: (app) => keys.release(app),
  };
}
