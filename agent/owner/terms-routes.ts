/** The owner's API for agreements: what holds, a yes to one plan, a limit, and leaving. Acts apart from every permission. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { NewAgreement } from '#contract/agreements.js';
import { ReleasedAppId } from '#contract/manifest.js';
import { NewCap } from '#contract/metering.js';
import { unitsOf } from '#contract/plans.js';
import { Refusal } from '#contract/problems.js';
import { ReleaseId } from '#contract/release.js';
import type { Metering } from '../metering/metering.js';
import type { OwnerTerms } from '../terms/terms.js';
import type { Access } from './access.js';

const config = { ownerAccess: 'owner' } as const;
const OfApp = Type.Object({ app: ReleasedAppId });
const OfRelease = Type.Object({ release: ReleaseId });

export function declareTermsRoutes(
  plain: FastifyInstance,
  {
    terms,
    metering,
    access,
  }: { terms: OwnerTerms; metering?: Pick<Metering, 'view' | 'setCap'> | undefined; access: Access },
): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const ofApp = { config, schema: { params: OfApp } };

  app.get('/v1/agreements/:app', ofApp, async ({ params }) => {
    const its = terms.of(params.app);
    const counts = metering && its.now && unitsOf(its.now.plan).length > 0;
    return { ...its, usage: counts ? metering.view(params.app) : null };
  });
  app.post(
    '/v1/offers/:release/agreement',
    { config, schema: { params: OfRelease, body: NewAgreement } },
    async (request, reply) =>
      reply.code(201).send(await terms.agree(request.params.release, request.body, access.signerOf(request))),
  );
  app.put('/v1/agreements/:app/cap', { config, schema: { params: OfApp, body: NewCap } }, async (request, reply) => {
    if (!metering) throw new Refusal('unavailable');
    await metering.setCap(request.params.app, request.body.amount, access.signerOf(request));
    return reply.code(204).send();
  });
  app.delete('/v1/agreements/:app', ofApp, async (request, reply) => {
    await terms.leave(request.params.app, access.signerOf(request));
    return reply.code(204).send();
  });
}
