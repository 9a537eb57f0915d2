/**
 * Entries of a territory's ledger of decisions about members: chained as every ledger is (contract/ledger-chain.ts), and
 * each signed by the key that the territory signs for its members with.
 */
import type { KeyObject } from 'node:crypto';
import type { PublicJwk } from '#contract/directory.js';
import type { LedgerEntry } from '#contract/ledger.js';
import { entryText, hashOfText, type Verdict, verifyLedger } from '#contract/ledger-chain.js';
import { type MemberLedgerExport, memberLedgerType } from '#contract/member-register.js';
import { signJws, verifyJws } from '../jws.js';
import type { Signer } from '../pki/keys.js';

export interface NewEntry {
  /** The last one, and where there is none the id of a ledger that begins. */
  after: LedgerEntry | { ledger: string };
  at: number;
  type: string;
  facts: LedgerEntry['facts'];
  key: KeyObject | Signer;
}

export async function makeEntry({ after, at, type, facts, key }: NewEntry): Promise<LedgerEntry> {
  const [index, previous] = 'hash' in after ? [after.index + 1, after.hash] : [0, null];
  const plain = { index, ledger: after.ledger, at, by: 'provider' as const, type, facts, previous };
  const text = entryText(plain);
  const jws = await signJws({ type: memberLedgerType, payload: Buffer.from(text), key });
  const [header = '', , signature = ''] = jws.split('.');
  return { ...plain, hash: hashOfText(text), signature: `${header}..${signature}` };
}

/** The territory signs with another key from this entry on, which names the one before as `from`. */
export const keysRolled = 'keys.rolled';

/**
 * The chain makes what a key signs last vouch for all that stands before it: so the key that an entry of the kind
 * `keysRolled` names is believed for what is older, also when it is believed for nothing else any more.
 * @param keys of the territory, from where they are believed; those in the export only show that it agrees with itself
 */
export async function verifyMemberLedger(
  { entries, keys: named }: MemberLedgerExport,
  keys: readonly PublicJwk[] = named,
): Promise<Verdict> {
  const chain = verifyLedger({
    format: 'webizen-ledger-1',
    ownerKeys: [],
    entries: entries.map(({ signature: _, ...entry }) => entry),
  });
  if (!chain.ok) return chain;
  const believed = new Map(keys.map((jwk) => [jwk.kid, jwk]));
  for (const [index, entry] of [...entries.entries()].reverse()) {
    const payload = Buffer.from(entryText(entry)).toString('base64url');
    const jws = (entry.signature ?? '').replace('..', `.${payload}.`);
    const verified = await verifyJws(jws, { type: memberLedgerType, keys: [...believed.values()] });
    if (!verified.ok) return { ok: false, index, why: `it is not signed by the territory (${verified.fault})` };
    const before = entry.type === keysRolled ? named.find(({ kid }) => kid === entry.facts.from) : undefined;
    if (before) believed.set(before.kid, before);
  }
  return { ...chain, signed: entries.length };
}
