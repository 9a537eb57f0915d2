/** A member's own cases (contract/cases.ts). */
import { type CaseView, casesPath, MemberCase, MemberCases, CaseView as View } from '#contract/cases.js';
import { type Https, refuseOf } from './https.js';
import { type Prove, provedCall, readReply } from './proved.js';

interface Uses {
  https: Https;
  prove: Prove;
}

async function get(uses: Uses, path: string) {
  const reply = await provedCall(uses, { method: 'GET', path });
  return reply.status < 300 ? reply : refuseOf(reply);
}

export const listCases = async (uses: Uses): Promise<CaseView[]> =>
  readReply(MemberCases, await get(uses, casesPath)).cases;

export const showCase = async (uses: Uses, id: string): Promise<MemberCase> =>
  readReply(MemberCase, await get(uses, `${casesPath}/${id}`));

/** @param statement signed, see `signCaseStatement`; again the same is taken once */
export async function stateInCase(uses: Uses, id: string, statement: string): Promise<CaseView> {
  const reply = await provedCall(uses, {
    ...{ method: 'POST', path: `${casesPath}/${id}/statements` },
    ...{ headers: { 'content-type': 'application/json' }, body: JSON.stringify({ statement }) },
  });
  return readReply(View, reply.status < 300 ? reply : refuseOf(reply));
}
