/** The register of decisions, as anybody may read it and have it proven (contract/register.ts). */
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { check, describeFaults } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import {
  type RegisterEntries,
  type RegisterProof,
  type RegisterState,
  registerConsistencyPath,
  registerEntriesPath,
  registerInclusionPath,
  registerPath,
} from '#contract/register.js';
import type { Members } from './members.js';

const Digits = Type.String({ pattern: '^(0|[1-9][0-9]{0,14})$' });

/** @throws Refusal `body-invalid` */
function numbersOf<Name extends string>(query: unknown, names: readonly [Name, Name]): Record<Name, number> {
  const read = check(Type.Object(Object.fromEntries(names.map((name) => [name, Digits]))), query);
  if (!read.ok) throw new Refusal('body-invalid', describeFaults(read.faults));
  return Object.fromEntries(Object.entries(read.value).map(([name, digits]) => [name, Number(digits)])) as Record<
    Name,
    number
  >;
}

export function declareRegisterRoutes(app: FastifyInstance, { members }: { members: Members }): void {
  app.get(registerPath, async (_, reply): Promise<RegisterState> => {
    const { register: head } = await members.status();
    if (head === undefined) throw new Error('the register has no head');
    reply.header('cache-control', 'no-cache');
    return { head, keys: [...members.everKeys()] };
  });

  app.get(registerEntriesPath, async (request): Promise<RegisterEntries> => {
    const { start, end } = numbersOf(request.query, ['start', 'end']);
    return { entries: await members.log.entries(start, end) };
  });

  app.get(registerInclusionPath, async (request): Promise<RegisterProof> => {
    const { index, size } = numbersOf(request.query, ['index', 'size']);
    return { proof: await members.log.inclusion(index, size) };
  });

  app.get(registerConsistencyPath, async (request): Promise<RegisterProof> => {
    const { from, to } = numbersOf(request.query, ['from', 'to']);
    return { proof: await members.log.consistency(from, to) };
  });
}
