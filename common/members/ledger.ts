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

/** @param keys of the territory, from where they are believed; those in the export only show that it agrees with itself */
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
  for (const [index, entry] of entries.entries()) {
    const payload = Buffer.from(entryText(entry)).toString('base64url');
    const jws = (entry.signature ?? '').replace('..', `.${payload}.`);
    const verified = await verifyJws(jws, { type: memberLedgerType, keys });
    if (!verified.ok) return { ok: false, index, why: `it is not signed by the territory (${verified.fault})` };
  }
  return { ...chain, signed: entries.length };
}
