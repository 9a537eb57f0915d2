/**
 * The register of decisions at a million entries: proofs from the store beside reading as many values from it, and their
 * verification beside as many bare hashes of 65 octets. The entries are those of a ledger; the tree is the provider's own.
 */
import { createHash, randomBytes } from 'node:crypto';
import { isContinued, isIncluded } from '#common/merkle/proof.js';
import { consistencyProof, inclusionProof, nodesOf, type ReadNode, rootOf } from '#common/merkle/tree.js';
import { openStore } from '../../provisioning/store/store.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import type { Workshop } from './workshop.js';

const nodeKey = (level: number, place: number): string =>
  `${String(level).padStart(2, '0')}/${String(place).padStart(12, '0')}`;

export async function register(workshop: Workshop, { short, say }: Conditions): Promise<Figure[]> {
  const size = short ? 20_000 : 1_000_000;
  const store = await openStore(await workshop.folder());
  try {
    const nodes = store.registerNodes;
    const fresh = new Map<string, string>();
    const read: ReadNode = async (level, place) => {
      const key = nodeKey(level, place);
      return Buffer.from(fresh.get(key) ?? (await nodes.get(key)) ?? '', 'hex');
    };
    const keep = async () => {
      await nodes.batch([...fresh].map(([key, value]) => ({ type: 'put' as const, key, value })));
      fresh.clear();
    };
    const began = performance.now();
    for (let index = 0; index < size; index += 1) {
      for (const node of await nodesOf(index, Buffer.from(`entry ${index}`), read))
        fresh.set(nodeKey(node.level, node.place), node.hash.toString('hex'));
      if (fresh.size > 4000) await keep();
    }
    await keep();
    const grown = performance.now() - began;
    const head = { size, root: await rootOf(size, read) };
    const before = { size: Math.floor(size * 0.7) + 1, root: await rootOf(Math.floor(size * 0.7) + 1, read) };
    const count = short ? 200 : 2000;
    const index = () => Math.floor(Math.random() * size);
    const rateOf = (work: () => Promise<unknown>) => async () => {
      const from = performance.now();
      for (let done = 0; done < count; done += 1) await work();
      return (count * 1000) / (performance.now() - from);
    };

    const proof = await inclusionProof(size - 1, size, read);
    const hashes = (await inclusionProof(0, size, read)).length;
    const proving = await inTurns(
      short ? 3 : 7,
      rateOf(() => inclusionProof(index(), size, read)),
      rateOf(async () => {
        for (let one = 0; one < hashes; one += 1) await nodes.get(nodeKey(0, index()));
      }),
    );
    const given = await Promise.all(
      Array.from({ length: count }, async () => {
        const at = index();
        const { hash } = (await nodesOf(at, Buffer.from(`entry ${at}`), read))[0]!;
        return { at, hash, proof: await inclusionProof(at, size, read) };
      }),
    );
    const pair = randomBytes(65);
    let turn = 0;
    const verifying = await inTurns(
      short ? 3 : 7,
      rateOf(async () => {
        const { at, hash, proof } = given[turn++ % count]!;
        if (!isIncluded(hash, at, proof, head)) throw new Error('a right proof is refused');
      }),
      rateOf(async () => {
        for (let one = 0; one < hashes; one += 1) createHash('sha256').update(pair).digest();
      }),
    );
    const continued = await consistencyProof(before.size, size, read);
    if (!isContinued(before, head, continued)) throw new Error('a right proof is refused');
    say(
      `register: ${size} entries grown in ${(grown / 1000).toFixed(1)} s; a proof has ${hashes} hashes (the last entry's ${proof.length}), one that it continues ${continued.length}`,
    );
    return [figure('register.prove', 'proofs/s', proving), figure('register.verify', 'proofs/s', verifying)];
  } finally {
    await store.close();
  }
}
