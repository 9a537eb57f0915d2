/**
 * The names of an app's keys in their order, sealed: a B+ tree whose pages are rows of the database.
 *
 * A name can be a person's, so it must not outlive the app any more than a value. Listings want names in order, and
 * sealed names have none; held in memory they would grow with what an app stores. Of the tree only the pages that were
 * used last are in memory, and a new name costs the writing of one page.
 *
 * A name is held as the octets of its UTF-8, a character each: these compare as the listing's order is promised, which
 * strings of UTF-16 do not. A page that runs empty goes; pages are not joined before.
 */
import { randomBytes } from 'node:crypto';
import { Refusal } from '#contract/problems.js';
import { idBytes, type Page, split } from './page.js';

/** Stands in no page above. */
export const rootId = '0'.repeat(2 * idBytes);

const octets = (key: string): string => Buffer.from(key, 'utf8').toString('latin1');
const keyOf = (name: string): string => Buffer.from(name, 'latin1').toString('utf8');
const empty: Page = { names: [] };

/** The shortest text that parts the two. */
function between(below: string, above: string): string {
  let at = 0;
  while (below[at] === above[at]) at += 1;
  return above.slice(0, at + 1);
}

interface Branch {
  from: string;
  id: string;
}
/** Whether the name is to be there. */
type Edit = readonly [name: string, there: boolean];

function merged(names: readonly string[], edits: readonly Edit[]): string[] {
  const result: string[] = [];
  let at = 0;
  for (const [name, there] of edits) {
    while (at < names.length && names[at]! < name) result.push(names[at++]!);
    if (names[at] === name) at += 1;
    if (there) result.push(name);
  }
  return result.concat(names.slice(at));
}

export interface Pages {
  /** Undefined: there is none. @throws Refusal `storage-damaged` */
  read(id: string): Page | undefined;
  /** What was read or written last, kept for the next reader. */
  keep(id: string, page: Page): void;
  forget(id: string): void;
}

export interface Names {
  /** Keys with the prefix, ascending by their bytes, after `after` if given. @throws Refusal `storage-damaged` */
  range(wish: { prefix: string; after: string | undefined; limit: number }): string[];
  /**
   * What pages become, undefined for those that go. Readers see nothing of it before `land`; one plan at a time.
   * @throws Refusal `storage-damaged`
   */
  plan(edits: ReadonlyMap<string, boolean>): ReadonlyMap<string, Page | undefined>;
  /** The plan is on the disk, or nothing of it is. */
  land(isThere: boolean): void;
}

export function createNames({ read, keep, forget }: Pages): Names {
  /** What the pages of a plan are still to readers, though the disk may have the new ones already. */
  const before = new Map<string, Page | undefined>();
  const after = new Map<string, Page | undefined>();

  function settled(id: string): Page {
    const page = before.has(id) ? before.get(id) : read(id);
    if (!page && id !== rootId) throw new Refusal('storage-damaged', 'a page of names is not there');
    return page ?? empty;
  }

  const planned = (id: string): Page => (after.has(id) ? (after.get(id) ?? empty) : settled(id));

  function put(id: string, page: Page | undefined): void {
    if (!before.has(id)) before.set(id, read(id));
    after.set(id, page);
  }

  const newPage = (page: Page): string => {
    const id = randomBytes(idBytes).toString('hex');
    after.set(id, page);
    return id;
  };

  function replace({ id, from }: Branch, page: Page, grows: boolean): Branch[] {
    if (page.names.length === 0) {
      put(id, undefined);
      return [];
    }
    const [first = empty, ...others] = split(page, grows);
    put(id, first);
    let last = first.names.at(-1) ?? '';
    const more = others.map((piece) => {
      const [least = ''] = piece.names;
      const branch = { id: newPage(piece), from: piece.ids ? least : between(last, least) };
      last = piece.names.at(-1) ?? '';
      return branch;
    });
    return [{ id, from }, ...more];
  }

  function edit(branch: Branch, edits: readonly Edit[]): Branch[] {
    const { names, ids } = planned(branch.id);
    if (!ids) {
      const now = merged(names, edits);
      return replace(branch, { names: now }, edits.at(-1)?.[0] === now.at(-1));
    }
    let start = 0;
    const below = ids.flatMap((id, at): Branch[] => {
      const child = { id, from: names[at] ?? '' };
      const next = names[at + 1];
      let end = start;
      while (end < edits.length && (next === undefined || edits[end]![0] < next)) end += 1;
      const mine = edits.slice(start, end);
      start = end;
      return mine.length === 0 ? [child] : edit(child, mine);
    });
    const isSame = below.length === ids.length && below.every(({ id }, at) => id === ids[at]);
    return isSame ? [branch] : replace(branch, pageOf(below), false);
  }

  const pageOf = (branches: readonly Branch[]): Page => ({
    names: branches.map(({ from }) => from),
    ids: branches.map(({ id }) => id),
  });

  function onlyBelow(id: string): string | undefined {
    const { ids } = planned(id);
    return ids?.length === 1 ? ids[0] : undefined;
  }

  function* from(id: string, least: string): Generator<string> {
    const { names, ids } = settled(id);
    if (!ids) {
      for (const name of names) if (name >= least) yield name;
      return;
    }
    for (const [at, child] of ids.entries()) {
      const next = names[at + 1];
      if (next === undefined || next > least) yield* from(child, least);
    }
  }

  return {
    range({ prefix, after, limit }) {
      const start = octets(prefix);
      const least = after === undefined ? start : `${octets(after)}\0`;
      const found: string[] = [];
      for (const name of from(rootId, least > start ? least : start)) {
        if (found.length >= limit || !name.startsWith(start)) break;
        found.push(keyOf(name));
      }
      return found;
    },
    plan(wish) {
      before.clear();
      after.clear();
      const edits = [...wish].map(([key, there]): Edit => [octets(key), there]);
      edits.sort(([a], [b]) => (a < b ? -1 : 1));
      const root = { id: rootId, from: '' };
      let top = edit(root, edits);
      // The root keeps its place: what it held moves below it.
      while (top.length > 1) {
        const moved = { id: newPage(planned(rootId)), from: '' };
        top = replace(root, pageOf([moved, ...top.slice(1)]), false);
      }
      for (let only = onlyBelow(rootId); only !== undefined; only = onlyBelow(rootId)) {
        put(rootId, planned(only));
        put(only, undefined);
      }
      return after;
    },
    land(isThere) {
      if (isThere)
        for (const [id, page] of after)
          if (page) keep(id, page);
          else forget(id);
      before.clear();
      after.clear();
    },
  };
}
