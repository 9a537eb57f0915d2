/** What owners have agreed to, as their maker sees it (contract/agreements.ts). */
import { agreementsPath, type MemberAgreement, MemberAgreements } from '#contract/agreements.js';
import { type Https, refuseOf } from './https.js';
import { type Prove, provedCall, readReply } from './proved.js';

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
