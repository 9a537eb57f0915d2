/** The register's tree, against RFC 9162's own definition and the test vectors of Certificate Transparency. */
import fc from 'fast-check';
import t from 'tap';
import { type Hash, hashOfEntry, hashOfNothing, hashOfPair, isContinued, isIncluded } from '#common/merkle/proof.js';
import { consistencyProof, inclusionProof, nodesOf, type ReadNode, rootOf } from '#common/merkle/tree.js';

/** MTH of section 2.1.1, word by word. */
function rootByDefinition(entries: readonly Uint8Array[]): Hash {
  const [only] = entries;
  if (!only) return hashOfNothing;
  if (entries.length === 1) return hashOfEntry(only);
  let split = 1;
  while (split * 2 < entries.length) split *= 2;
  return hashOfPair(rootByDefinition(entries.slice(0, split)), rootByDefinition(entries.slice(split)));
}

async function kept(entries: readonly Uint8Array[]): Promise<ReadNode> {
  const nodes = new Map<string, Hash>();
  const read: ReadNode = async (level, place) => {
    const hash = nodes.get(`${level}/${place}`);
    if (!hash) throw new Error(`there is no node ${level}/${place}`);
    return hash;
  };
  for (const [index, entry] of entries.entries())
    for (const { level, place, hash } of await nodesOf(index, entry, read)) nodes.set(`${level}/${place}`, hash);
  return read;
}

const numbered = (count: number): Buffer[] => Array.from({ length: count }, (_, index) => Buffer.from(`${index}`));

t.test('the roots are those that Certificate Transparency published for its test entries', async (t) => {
  const entries = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
  const roots = [
    'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
    'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
    'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
    'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
    '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
    'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
    '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
  ];
  const read = await kept(entries.map((hex) => Buffer.from(hex, 'hex')));
  for (const [size, root] of roots.entries()) t.equal((await rootOf(size, read)).toString('hex'), root, `of ${size}`);
});

t.test('every entry of every small tree is proven, and every tree in every longer one', async (t) => {
  const most = 33;
  const entries = numbered(most);
  const read = await kept(entries);
  const heads = await Promise.all(
    Array.from({ length: most + 1 }, async (_, size) => ({ size, root: await rootOf(size, read) })),
  );
  let [wrong, tried] = [0, 0];
  for (const later of heads) {
    if (!later.root.equals(rootByDefinition(entries.slice(0, later.size)))) wrong += 1;
    for (let index = 0; index < later.size; index += 1) {
      tried += 1;
      const proof = await inclusionProof(index, later.size, read);
      if (!isIncluded(hashOfEntry(entries[index] as Buffer), index, proof, later)) wrong += 1;
    }
    for (const earlier of heads.slice(0, later.size + 1)) {
      tried += 1;
      if (!isContinued(earlier, later, await consistencyProof(earlier.size, later.size, read))) wrong += 1;
    }
  }
  t.equal(wrong, 0, `${tried} proofs`);
  t.equal(tried, 1156, 'none was left out');
});

t.test('no other entry, place, root or proof is believed', async () => {
  const entries = numbered(64);
  const read = await kept(entries);
  const altered = (hash: Hash, at: number): Hash => {
    const copy = Buffer.from(hash);
    copy[at % 32] = (copy[at % 32] ?? 0) ^ (1 << (at % 8));
    return copy;
  };
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 64 }),
      fc.nat(63),
      fc.nat(255),
      fc.constantFrom('entry', 'place', 'root', 'cut', 'longer', 'step'),
      async (size, some, at, what) => {
        const index = some % size;
        const head = { size, root: await rootOf(size, read) };
        const proof = await inclusionProof(index, size, read);
        const entry = hashOfEntry(entries[index] as Buffer);
        if (what === 'entry') return !isIncluded(altered(entry, at), index, proof, head);
        if (what === 'place') return !isIncluded(entry, (index + 1 + (at % 63)) % 64, proof, head);
        if (what === 'root') return !isIncluded(entry, index, proof, { size, root: altered(head.root, at) });
        if (what === 'cut') return proof.length === 0 || !isIncluded(entry, index, proof.slice(1), head);
        if (what === 'longer') return !isIncluded(entry, index, [...proof, entry], head);
        const step = at % Math.max(proof.length, 1);
        return (
          proof.length === 0 ||
          !isIncluded(
            entry,
            index,
            proof.map((hash, place) => (place === step ? altered(hash, at) : hash)),
            head,
          )
        );
      },
    ),
  );
});

t.test('a log that was changed before its end is not the one it was, whatever proof comes with it', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 0, max: 24 }),
      fc.nat(39),
      async (earlier, more, some) => {
        const entries = numbered(earlier + more);
        const honest = await kept(entries.slice(0, earlier));
        const forged = await kept(
          entries.map((entry, index) => (index === some % earlier ? Buffer.from('another') : entry)),
        );
        const before = { size: earlier, root: await rootOf(earlier, honest) };
        const after = { size: earlier + more, root: await rootOf(earlier + more, forged) };
        return !isContinued(before, after, await consistencyProof(earlier, earlier + more, forged));
      },
    ),
  );
  const some = { size: 2, root: hashOfNothing };
  for (const size of [-1, 0.5, Number.NaN, 2 ** 60, Number.POSITIVE_INFINITY])
    t.notOk(isIncluded(hashOfNothing, size, [], some) || isContinued({ ...some, size }, some, []), `${size}`);
});
