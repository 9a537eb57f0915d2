/** What owners have agreed to, as their maker sees it (contract/agreements.ts). */
import { accountsPath, type MemberAccount, MemberAccounts } from '#contract/accounts.js';
import { agreementsPath, type MemberAgreement, MemberAgreements } from '#contract/agreements.js';
import { type MemberStatement, MemberStatements, usagePath } from '#contract/metering.js';
import { type Https, refuseOf } from './https.js';
import { type Prove, provedCall, readReply } from './proved.js';

export async function listStatements(uses: { https: Https; prove: Prove }): Promise<MemberStatement[]> {
  const all: MemberStatement[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query: string = cursor === '' ? '' : `?cursor=${encodeURIComponent(cursor)}`;
    const reply = await provedCall(uses, { method: 'GET', path: `${usagePath}${query}` });
    if (reply.status >= 300) return refuseOf(reply);
    const page: MemberStatements = readReply(MemberStatements, reply);
    all.push(...page.statements);
    cursor = page.cursor;
  }
  return all;
}

export async function listAgreements(uses: { https: Https; prove: Prove }): Promise<MemberAgreement[]> {
  const all: MemberAgreement[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query: string = cursor === '' ? '' : `?cursor=${encodeURIComponent(cursor)}`;
    const reply = await provedCall(uses, { method: 'GET', path: `${agreementsPath}${query}` });
    if (reply.status >= 300) return refuseOf(reply);
    const page: MemberAgreements = readReply(MemberAgreements, reply);
    all.push(...page.agreements);
    cursor = page.cursor;
  }
  return all;
}

export async function listAccounts(uses: { https: Https; prove: Prove }): Promise<MemberAccount[]> {
  const reply = await provedCall(uses, { method: 'GET', path: accountsPath });
  if (reply.status >= 300) return refuseOf(reply);
  return readReply(MemberAccounts, reply).accounts;
}
