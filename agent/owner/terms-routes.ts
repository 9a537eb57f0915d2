/** The owner's API for agreements: what holds, a yes to one plan, and leaving. An act apart from every permission. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { NewAgreement } from '#contract/agreements.js';
import { ReleasedAppId } from '#contract/manifest.js';
import { ReleaseId } from '#contract/release.js';
import type { OwnerTerms } from '../terms/terms.js';
import type { Access } from './access.js';

const config = { ownerAccess: 'owner' } as const;
const OfApp = Type.Object({ app: ReleasedAppId });
const OfRelease = Type.Object({ release: ReleaseId });

export function declareTermsRoutes(
  plain: FastifyInstance,
  { terms, access }: { terms: OwnerTerms; access: Access },
): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const ofApp = { config, schema: { params: OfApp } };

  app.get('/v1/agreements/:app', ofApp, async ({ params }) => terms.of(params.app));
  app.post(
    '/v1/offers/:release/agreement',
    { config, schema: { params: OfRelease, body: NewAgreement } },
    async (request, reply) =>
      reply.code(201).send(await terms.agree(request.params.release, request.body, access.signerOf(request))),
  );
  app.delete('/v1/agreements/:app', ofApp, async (request, reply) => {
    await terms.leave(request.params.app, access.signerOf(request));
    return reply.code(204).send();
  });
}
