/** Agreements over HTTP, on the territory's EST origin: see contract/agreements.ts. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, type TSchema, Type } from 'typebox';
import {
  type AgreementsTaken,
  AgreementsTold,
  agreementsPath,
  longestAgreement,
  type MemberAgreements,
  mostTold,
} from '#contract/agreements.js';
import { buildCursor, parseCursor } from '#contract/cursor.js';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Agreements } from './agreements.js';

export interface Callers {
  member(request: FastifyRequest): Promise<{ readonly id: string }>;
  box(request: FastifyRequest): Promise<string>;
}

const perPage = 100;
const bodyLimit = mostTold * longestAgreement * 3;
const Query = Type.Object({ cursor: Type.Optional(Type.String({ maxLength: 500 })) });

function wanted<T extends TSchema>(schema: T, value: unknown): Static<T> {
  const parsed = check(schema, value);
  if (parsed.ok) return parsed.value;
  throw new Refusal('body-invalid', describeFaults(parsed.faults));
}

export function declareAgreementRoutes(
  app: FastifyInstance,
  { agreements, callers }: { agreements: Agreements; callers: Callers },
): void {
  /** Before the body is read: a stranger's is not. */
  const boxes = new WeakMap<FastifyRequest, string>();
  const byBox = {
    bodyLimit,
    onRequest: async (request: FastifyRequest) => void boxes.set(request, await callers.box(request)),
  };

  app.post(`${agreementsPath}/box`, byBox, async (request): Promise<AgreementsTaken> => {
    const box = boxes.get(request);
    if (box === undefined) throw new Refusal('certificate-missing');
    return agreements.take(box, wanted(AgreementsTold, request.body));
  });

  app.get(agreementsPath, async (request): Promise<MemberAgreements> => {
    const { id } = await callers.member(request);
    const { cursor } = wanted(Query, request.query);
    const after = cursor === undefined ? '' : parseCursor(id, cursor);
    if (after === undefined) throw new Refusal('cursor-invalid');
    const found = await agreements.ofMember(id, after.slice(id.length), perPage);
    const last = found.length === perPage ? found.at(-1) : undefined;
    return { agreements: found, cursor: last ? buildCursor(id, `${id}${last.id}`) : null };
  });
}
