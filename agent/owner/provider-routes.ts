/** The owner's API about the provider: what it is told, what it asks, and what the owner lets it do. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { NewReporting, NewRule, OfCommand, OfKind, type ProviderView } from '#contract/owner-commands.js';
import type { Access } from './access.js';
import type { OwnerFeatures } from './features.js';

const config = { ownerAccess: 'owner' } as const;

export function declareProviderRoutes(
  plain: FastifyInstance,
  { provider, access }: { provider: NonNullable<OwnerFeatures['provider']>; access: Access },
): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.get('/v1/provider', { config }, async (): Promise<ProviderView> => provider.view());
  app.put('/v1/provider/reporting', { config, schema: { body: NewReporting } }, async (request, reply) => {
    await provider.report(request.body.reporting, access.signerOf(request));
    return reply.code(204).send();
  });
  app.put('/v1/provider/rules/:kind', { config, schema: { params: OfKind, body: NewRule } }, async (request, reply) => {
    await provider.rule(request.params.kind, request.body.rule, access.signerOf(request));
    return reply.code(204).send();
  });
  for (const act of ['allow', 'decline'] as const)
    app.post(
      `/v1/provider/commands/:command/${act}`,
      { config, schema: { params: OfCommand } },
      async (request, reply) => {
        await provider[act](request.params.command, access.signerOf(request));
        return reply.code(204).send();
      },
    );
}
