/**
 * The tree over the ledger of decisions (contract/register.ts). Its nodes are written in the commit of the decision that
 * completes them, and never again.
 */
import type { Operation } from '#common/commits.js';
import { octetsOf } from '#common/members/register.js';
import type { Node, ReadNode } from '#common/merkle/tree.js';
import { consistencyProof, inclusionProof, nodesOf, rootOf } from '#common/merkle/tree.js';
import type { LedgerEntry } from '#contract/ledger.js';
import { Refusal } from '#contract/problems.js';
import { mostRegisterEntries } from '#contract/register.js';
import { entryKey } from '../store/members.js';
import type { Store } from '../store/store.js';

export interface RegisterTree {
  size: number;
  /** Hex. */
  root: string;
}

export interface DecisionLog {
  now(): Promise<RegisterTree>;
  /** What the decision adds, for its commit, and the tree that then stands. */
  with(entry: LedgerEntry): Promise<{ operations: Operation[]; tree: RegisterTree }>;
  /** The decision is on the disk. */
  added(entry: LedgerEntry): void;
  /** From `start` on, before `end`, no more than `mostRegisterEntries`. @throws Refusal `range-invalid`, as those below */
  entries(start: number, end: number): Promise<LedgerEntry[]>;
  /** Hashes in hex. */
  inclusion(index: number, size: number): Promise<string[]>;
  consistency(from: number, to: number): Promise<string[]>;
}

const nodeKey = (level: number, place: number): string =>
  `${String(level).padStart(2, '0')}/${String(place).padStart(12, '0')}`;
const batch = 1000;

/** A ledger from before there was a tree is given one. */
export async function openLog(store: Store): Promise<DecisionLog> {
  const { registerNodes: nodes, memberLedger: ledger } = store;
  const read: ReadNode = async (level, place) => {
    const hash = await nodes.get(nodeKey(level, place));
    if (hash === undefined) throw new Error(`the register has no node ${nodeKey(level, place)}`);
    return Buffer.from(hash, 'hex');
  };
  const put = ({ level, place, hash }: Node): Operation => ({
    ...{ type: 'put', sublevel: nodes, key: nodeKey(level, place), value: hash.toString('hex') },
  });

  /** Nodes that are not on the disk yet stand before those that are. */
  const over = (fresh: ReadonlyMap<string, Node>): ReadNode => {
    return async (level, place) => fresh.get(nodeKey(level, place))?.hash ?? (await read(level, place));
  };

  async function grow(from: number): Promise<number> {
    let size = from;
    for (;;) {
      const fresh = new Map<string, Node>();
      const missing = await ledger.values({ gte: entryKey(size), limit: batch }).all();
      if (missing.length === 0) return size;
      for (const entry of missing) {
        for (const node of await nodesOf(size, octetsOf(entry), over(fresh)))
          fresh.set(nodeKey(node.level, node.place), node);
        size += 1;
      }
      await store.commit([...fresh.values()].map(put));
    }
  }

  const [last] = await nodes.keys({ gte: nodeKey(0, 0), lt: nodeKey(1, 0), reverse: true, limit: 1 }).all();
  let size = await grow(last === undefined ? 0 : Number(last.slice(3)) + 1);

  const within = (start: number, end: number): void => {
    if (!(start >= 0 && start <= end && end <= size))
      throw new Refusal('range-invalid', `the register has ${size} entries`);
  };
  const hexes = (proof: Buffer[]): string[] => proof.map((hash) => hash.toString('hex'));

  return {
    now: async () => ({ size, root: (await rootOf(size, read)).toString('hex') }),
    async with(entry) {
      const added = await nodesOf(entry.index, octetsOf(entry), read);
      const fresh = new Map(added.map((node) => [nodeKey(node.level, node.place), node]));
      const root = await rootOf(entry.index + 1, over(fresh));
      return { operations: added.map(put), tree: { size: entry.index + 1, root: root.toString('hex') } };
    },
    added({ index }) {
      size = index + 1;
    },
    async entries(start, end) {
      within(start, end);
      return await ledger.values({ gte: entryKey(start), lt: entryKey(end), limit: mostRegisterEntries }).all();
    },
    async inclusion(index, of) {
      within(index + 1, of);
      return hexes(await inclusionProof(index, of, read));
    },
    async consistency(from, to) {
      within(from, to);
      return hexes(await consistencyProof(from, to, read));
    },
  };
}
