/**
 * Rows that an earlier release stored in the clear are sealed before anybody is served: what lies in the clear would stay
 * there for as long as nobody writes it again. Each commit seals some and deletes them in the clear, so that a cut loses
 * nothing and the next start goes on. ETags stay what they were.
 *
 * Booted back into such a release, a box does not see what is sealed; what that one stores is newer, and takes its place here.
 */
import type { Operation } from '#common/commits.js';
import { Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import { parseHead, valueIn } from './record.js';
import { compactRows, plain, rangeOf } from './rows.js';
import type { Vault } from './vault.js';

const page = 200;
const commitBytes = 4 * 1024 * 1024;
/** The room of what was sealed is given back this often: a full disk has none for all of it twice. */
const compactBytes = 16 * 1024 * 1024;

/** Seals some of them; answers how many bytes, undefined when there is none left. */
async function sealSome(store: Store, app: string, vault: Vault): Promise<number | undefined> {
  const { plainValues, plainLarge, apps } = store;
  const rows = await plainValues.iterator({ ...rangeOf(app), limit: page }).all();
  if (rows.length === 0) return undefined;
  const usage = { ...((await apps.get(app)) ?? { revision: 0, usedBytes: 0 }) };
  const operations: Operation[] = [];
  const names = new Map<string, boolean>();
  let bytes = 0;
  for (const [place, row] of rows) {
    if (bytes > commitBytes) break;
    const key = place.slice(app.length + 1);
    const isApart = parseHead(row).apart;
    const record = isApart ? await plainLarge.get(place) : row;
    if (!record) throw new Refusal('storage-damaged', `${app}: ${key}`);
    const head = parseHead(record);
    const there = vault.head(key);
    if (there) usage.usedBytes -= Buffer.byteLength(key) + there.sizeBytes; // the earlier release counted it as new
    const wasApart = there?.apart ?? false;
    vault.put(operations, { key, row: vault.rowOf(key), head, value: valueIn(record), wasApart });
    operations.push({ type: 'del', sublevel: plainValues, key: place });
    if (isApart) operations.push({ type: 'del', sublevel: plainLarge, key: place });
    names.set(key, true);
    bytes += record.length;
  }
  operations.push(...vault.rename(names), { type: 'put', sublevel: apps, key: app, value: usage });
  await store.commit(operations);
  vault.names.land(true);
  return bytes;
}

/** @throws Refusal `storage-damaged` */
export async function sealOlder(store: Store, app: string, vault: Vault): Promise<void> {
  let open = 0;
  for (let bytes = await sealSome(store, app, vault); bytes !== undefined; bytes = await sealSome(store, app, vault)) {
    open += bytes;
    if (open < compactBytes) continue;
    await compactRows(store, app, plain(store));
    open = 0;
  }
  await compactRows(store, app, plain(store));
}
