/** Whose rows lie in the database, and all rows of one app. */
import type { Operation } from '#common/commits.js';
import type { Store } from '../store/store.js';

type Rows = Store['values'];

const sealed = ({ values, largeValues, names }: Store): Rows[] => [values, largeValues, names];
export const plain = ({ plainValues, plainLarge }: Store): Rows[] => [plainValues, plainLarge];

/** `"` follows `!`: all rows of an app. */
export const rangeOf = (app: string): { gte: string; lt: string } => ({ gte: `${app}!`, lt: `${app}"` });

/** A look for each app, however many rows they have. */
async function appsIn(rows: Rows): Promise<string[]> {
  const apps: string[] = [];
  for (let from = ''; ; ) {
    const [first] = await rows.keys({ gte: from, limit: 1 }).all();
    if (first === undefined) return apps;
    const app = first.slice(0, first.indexOf('!'));
    apps.push(app);
    from = rangeOf(app).lt;
  }
}

const unionOf = async (all: readonly Rows[]): Promise<Set<string>> =>
  new Set((await Promise.all(all.map(appsIn))).flat());

export const appsSealed = (store: Store): Promise<Set<string>> => unionOf(sealed(store));
export const appsInPlain = (store: Store): Promise<Set<string>> => unionOf(plain(store));

/** Of what is deleted in one commit. */
const page = 500;

export async function clearRows(store: Store, app: string): Promise<void> {
  for (const rows of [...sealed(store), ...plain(store)])
    for (;;) {
      const keys = await rows.keys({ ...rangeOf(app), limit: page }).all();
      if (keys.length === 0) break;
      await store.commit(keys.map((key): Operation => ({ type: 'del', sublevel: rows, key })));
    }
}

export async function compactRows(store: Store, app: string, which: readonly Rows[] = sealed(store)): Promise<void> {
  const { gte, lt } = rangeOf(app);
  for (const rows of which) await store.compact(rows, gte, lt);
}
