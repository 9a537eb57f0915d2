/** A member's own cases, on the territory's EST origin, whatever its standing: see contract/cases.ts. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import {
  type CaseView,
  casesPath,
  longestDocument,
  type MemberCase,
  type MemberCases,
  NewStatement,
} from '#contract/cases.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Cases } from './cases.js';

const mostListed = 100;
const bodyLimit = longestDocument + 1000;
interface OneCase {
  Params: { id: string };
}

export function declareCaseRoutes(
  app: FastifyInstance,
  { cases, callers }: { cases: Cases; callers: { member(request: FastifyRequest): Promise<{ readonly id: string }> } },
): void {
  /** Before the body is read: a stranger's is not. */
  const callersOf = new WeakMap<FastifyRequest, string>();
  const byMember = {
    bodyLimit,
    onRequest: async (request: FastifyRequest) => void callersOf.set(request, (await callers.member(request)).id),
  };
  function memberOf(request: FastifyRequest): string {
    const member = callersOf.get(request);
    if (member === undefined) throw new Refusal('credential-missing');
    return member;
  }

  /** Another's is as unknown as one that there is not. */
  function own(request: FastifyRequest<OneCase>): string {
    const { id, member } = cases.show(request.params.id).case;
    if (member !== memberOf(request)) throw new Refusal('case-unknown', request.params.id);
    return id;
  }

  app.get(casesPath, byMember, async (request): Promise<MemberCases> => {
    return { cases: cases.list({ member: memberOf(request), limit: mostListed }) };
  });

  app.get<OneCase>(`${casesPath}/:id`, byMember, async (request): Promise<MemberCase> => {
    const id = own(request);
    const found = await cases.read(id);
    const documents = await cases.documents(id);
    return { ...found, documents: documents.filter(({ kind }) => kind !== 'complaint' && kind !== 'finding') };
  });

  app.post<OneCase>(`${casesPath}/:id/statements`, byMember, async (request): Promise<CaseView> => {
    const parsed = check(NewStatement, request.body);
    if (!parsed.ok) throw new Refusal('body-invalid', describeFaults(parsed.faults));
    return cases.state(memberOf(request), request.params.id, parsed.value.statement);
  });
}
