/** Documents of a case: the office's by the territory's key, the member's statements by the member's (contract/cases.ts). */
import { createHash, type KeyObject } from 'node:crypto';
import { CaseDocument, CaseStatement, caseDocumentType, caseStatementType, longestDocument } from '#contract/cases.js';
import type { PublicJwk } from '#contract/directory.js';
import { parseJson } from '#contract/parse.js';
import { type JwsFault, signJws, verifyJws } from '../jws.js';
import type { Signer } from '../pki/keys.js';

/** How the register names a document. */
export const hashOfDocument = (jws: string): string => createHash('sha256').update(jws).digest('hex');

export const signCaseDocument = (wish: { key: KeyObject | Signer; document: CaseDocument }): Promise<string> =>
  signJws({ type: caseDocumentType, payload: Buffer.from(JSON.stringify(wish.document)), key: wish.key });

export const signCaseStatement = (wish: { key: KeyObject | Signer; statement: CaseStatement }): Promise<string> =>
  signJws({ type: caseStatementType, payload: Buffer.from(JSON.stringify(wish.statement)), key: wish.key });

export type Read<T> = { ok: true; document: T } | { ok: false; fault: JwsFault };

async function read<T extends typeof CaseDocument | typeof CaseStatement>(
  schema: T,
  jws: string,
  wish: { type: string; keys: readonly PublicJwk[] },
) {
  if (jws.length > longestDocument) return { ok: false, fault: 'malformed' } as const;
  const verified = await verifyJws(jws, wish);
  if (!verified.ok) return verified;
  const parsed = parseJson(schema, verified.payload);
  return parsed.ok ? ({ ok: true, document: parsed.value } as const) : ({ ok: false, fault: 'malformed' } as const);
}

/** Takes outside bytes; never throws, as what follows. @param keys of the territory that is believed here */
export const verifyCaseDocument = (jws: string, keys: readonly PublicJwk[]): Promise<Read<CaseDocument>> =>
  read(CaseDocument, jws, { type: caseDocumentType, keys });

/** @param keys of the member */
export const verifyCaseStatement = (jws: string, keys: readonly PublicJwk[]): Promise<Read<CaseStatement>> =>
  read(CaseStatement, jws, { type: caseStatementType, keys });
