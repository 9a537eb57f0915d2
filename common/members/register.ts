/** Heads of a territory's register of decisions (contract/register.ts): signed, verified, and held against each other. */
import type { KeyObject } from 'node:crypto';
import type { PublicJwk } from '#contract/directory.js';
import type { LedgerEntry } from '#contract/ledger.js';
import { entryText } from '#contract/ledger-chain.js';
import { parseJson } from '#contract/parse.js';
import { RegisterHead, registerHeadType } from '#contract/register.js';
import { signJws, verifyJws } from '../jws.js';
import { type Head, hashOfEntry, isContinued, isIncluded } from '../merkle/proof.js';
import type { Signer } from '../pki/keys.js';

const longest = 4000;

export const octetsOf = (entry: LedgerEntry): Buffer => Buffer.from(entryText(entry));

export const signHead = (wish: { key: KeyObject | Signer; head: RegisterHead }): Promise<string> =>
  signJws({ type: registerHeadType, payload: Buffer.from(JSON.stringify(wish.head)), key: wish.key });

export type HeadFault = 'malformed' | 'foreign' | 'forged';
export type VerifiedHead = { ok: true; head: RegisterHead; kid: string } | { ok: false; fault: HeadFault };

/** Takes outside bytes; never throws. */
export async function verifyHead(
  jws: string,
  { keys, territory }: { keys: readonly PublicJwk[]; territory: string },
): Promise<VerifiedHead> {
  if (jws.length > longest) return { ok: false, fault: 'malformed' };
  const verified = await verifyJws(jws, { type: registerHeadType, keys });
  if (!verified.ok) return verified;
  const read = parseJson(RegisterHead, verified.payload);
  if (!read.ok) return { ok: false, fault: 'malformed' };
  if (read.value.territory !== territory) return { ok: false, fault: 'foreign' };
  return { ok: true, head: read.value, kid: verified.header.kid };
}

type Hashes = readonly string[];
type Sized = Pick<RegisterHead, 'size' | 'root'>;
const treeHead = ({ size, root }: Sized): Head => ({ size, root: Buffer.from(root, 'hex') });
const hashes = (proof: Hashes): Buffer[] => proof.map((hex) => Buffer.from(hex, 'hex'));

/** Whether the register of the later head holds all that the earlier one held, unchanged and in its place. */
export const continues = (earlier: Sized, later: Sized, proof: Hashes): boolean =>
  isContinued(treeHead(earlier), treeHead(later), hashes(proof));

/** Whether this decision stands in the register of that head. */
export const standsIn = (entry: LedgerEntry, head: Sized, proof: Hashes): boolean =>
  isIncluded(hashOfEntry(octetsOf(entry)), entry.index, hashes(proof), treeHead(head));
