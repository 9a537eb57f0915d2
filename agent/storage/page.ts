/** A page of the index of names, see names.ts: built, parsed, and split where it has grown too large. */
import { Refusal } from '#contract/problems.js';

/** `ids` are of the pages below, one for each name, which is the least that may stand in it. Without: the names themselves. */
export interface Page {
  readonly names: readonly string[];
  readonly ids?: readonly string[];
}

/** Of a page's bytes. A name is at most a quarter of it. */
export const mostPageBytes = 2048;
const lengthBytes = 2;
export const idBytes = 8;

const leafForm = 0;
const branchForm = 1;

export function buildPage({ names, ids }: Page): Buffer {
  const parts = [Buffer.of(ids ? branchForm : leafForm)];
  for (const [at, name] of names.entries()) {
    const length = Buffer.allocUnsafe(lengthBytes);
    length.writeUInt16BE(name.length);
    parts.push(length, Buffer.from(name, 'latin1'));
    if (ids) parts.push(Buffer.from(ids[at] ?? '', 'hex'));
  }
  return Buffer.concat(parts);
}

/** @throws Refusal `storage-damaged` for what `buildPage` did not make */
export function parsePage(bytes: Buffer): Page {
  const names: string[] = [];
  const ids: string[] = [];
  const isBranch = bytes[0] === branchForm;
  let at = 1;
  const take = (count: number): Buffer => {
    if (at + count > bytes.length) throw new Refusal('storage-damaged', 'a page of names');
    at += count;
    return bytes.subarray(at - count, at);
  };
  if (!isBranch && bytes[0] !== leafForm) throw new Refusal('storage-damaged', 'a page of names');
  while (at < bytes.length) {
    names.push(take(take(lengthBytes).readUInt16BE()).toString('latin1'));
    if (isBranch) ids.push(take(idBytes).toString('hex'));
  }
  return isBranch ? { names, ids } : { names };
}

/** Pages of at most the bytes of one. Full ones behind which more will come, else halves that have room. */
export function split({ names, ids }: Page, grows: boolean): Page[] {
  const costs = names.map((name) => name.length + lengthBytes + (ids ? idBytes : 0));
  const bytes = costs.reduce((sum, cost) => sum + cost, 1);
  if (bytes <= mostPageBytes) return [ids ? { names, ids } : { names }];
  const aim = (grows ? mostPageBytes : bytes / Math.ceil(bytes / mostPageBytes)) - 1;
  const pages: Page[] = [];
  let from = 0;
  let sum = 0;
  for (let at = 0; at <= names.length; at += 1) {
    const cost = costs[at] ?? Number.POSITIVE_INFINITY;
    if (sum + cost > aim && at > from) {
      pages.push(ids ? { names: names.slice(from, at), ids: ids.slice(from, at) } : { names: names.slice(from, at) });
      from = at;
      sum = 0;
    }
    sum += cost;
  }
  return pages;
}
