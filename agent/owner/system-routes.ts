/** The owner's API about the system: which runs, what comes when and why, and what the owner says to that. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { NewOsHold, NewOsSettings, OfOsVersion, type OsView } from '#contract/os.js';
import type { Access } from './access.js';
import type { OwnerFeatures } from './features.js';

const config = { ownerAccess: 'owner' } as const;

export function declareSystemRoutes(
  plain: FastifyInstance,
  { system, access }: { system: NonNullable<OwnerFeatures['system']>; access: Access },
): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.get('/v1/system', { config }, async (): Promise<OsView> => system.view());
  app.put('/v1/system/settings', { config, schema: { body: NewOsSettings } }, async (request, reply) => {
    await system.set(request.body, access.signerOf(request));
    return reply.code(204).send();
  });
  app.put('/v1/system/hold', { config, schema: { body: NewOsHold } }, async (request, reply) => {
    await system.hold(request.body.days, access.signerOf(request));
    return reply.code(204).send();
  });
  app.post('/v1/system/now/:version', { config, schema: { params: OfOsVersion } }, async (request, reply) => {
    await system.now(request.params.version, access.signerOf(request));
    return reply.code(204).send();
  });
}
