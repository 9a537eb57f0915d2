/** The whole of a territory's register, held against the head that it signed and against one that was seen before. */
import type { PublicJwk } from '#contract/directory.js';
import type { LedgerEntry } from '#contract/ledger.js';
import type { MemberLedgerExport } from '#contract/member-register.js';
import type { RegisterHead } from '#contract/register.js';
import type { Hash } from '../merkle/proof.js';
import { nodesOf, type ReadNode, rootOf } from '../merkle/tree.js';
import { caseFault } from './case.js';
import { verifyMemberLedger } from './ledger.js';
import { octetsOf } from './register.js';
import { quorumFault } from './resolution.js';

/** Roots of a log that is read once, from its beginning: of each level only the newest node is kept. */
function createGrowing() {
  const newest: Hash[] = [];
  const read: ReadNode = async (level) => newest[level] as Hash;
  let size = 0;
  return {
    async add(entry: LedgerEntry): Promise<void> {
      for (const { level, hash } of await nodesOf(size, octetsOf(entry), read)) newest[level] = hash;
      size += 1;
    },
    root: async (): Promise<string> => (await rootOf(size, read)).toString('hex'),
  };
}

/**
 * `chain`: an entry is not what the territory signed, or does not follow the one before. `quorum`: it
 * lacks signatures of officers. `case`: it lacks what has to go before it in its case. `head`: the entries are not those of the head. `forgotten`: the register holds less than it did. `forked`: it begins with other entries than it did.
 */
export type Audited =
  | { ok: true }
  | { ok: false; fault: 'chain' | 'quorum' | 'case' | 'head' | 'forgotten' | 'forked'; why: string };

/**
 * Takes outside values; never throws.
 * @param head verified (`verifyHead`)
 * @param before a head of the same territory that was verified when it was seen
 * @param believed the territory's keys of now
 */
export async function auditRegister({
  register,
  head,
  before,
  believed,
}: {
  register: MemberLedgerExport;
  head: RegisterHead;
  before?: RegisterHead | undefined;
  believed: readonly PublicJwk[];
}): Promise<Audited> {
  const { entries } = register;
  const chain = await verifyMemberLedger(register, believed);
  if (!chain.ok) return { ok: false, fault: 'chain', why: `entry ${chain.index ?? '-'}: ${chain.why}` };
  const unsigned = quorumFault(entries);
  if (unsigned) return { ok: false, fault: 'quorum', why: `entry ${unsigned.index}: ${unsigned.why}` };
  const undue = caseFault(entries);
  if (undue) return { ok: false, fault: 'case', why: `entry ${undue.index}: ${undue.why}` };
  if (entries.length !== head.size)
    return { ok: false, fault: 'head', why: `${entries.length} entries, and a head of ${head.size}` };
  if (before && before.size > head.size)
    return { ok: false, fault: 'forgotten', why: `it held ${before.size} decisions, and holds ${head.size}` };
  const growing = createGrowing();
  for (const [index, entry] of entries.entries()) {
    if (before && index === before.size && (await growing.root()) !== before.root) return forked(before);
    await growing.add(entry);
  }
  const root = await growing.root();
  if (before?.size === head.size && root !== before.root) return forked(before);
  return root === head.root ? { ok: true } : { ok: false, fault: 'head', why: `its entries make the root ${root}` };
}

const forked = ({ size }: RegisterHead): Audited => ({
  ...{ ok: false, fault: 'forked', why: `its first ${size} decisions are not those that it had signed` },
});
