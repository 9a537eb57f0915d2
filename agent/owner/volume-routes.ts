/** The owner's API about the volume: its key is shown until it is written down. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { type ShownStorageKey, StorageKeyNoted } from '#contract/volume.js';
import type { Access } from './access.js';
import type { OwnerFeatures } from './features.js';

const config = { ownerAccess: 'owner' } as const;

export function declareVolumeRoutes(
  plain: FastifyInstance,
  { volume, access }: { volume: NonNullable<OwnerFeatures['volume']>; access: Access },
): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.post('/v1/storage-key', { config }, async (request, reply): Promise<ShownStorageKey> => {
    reply.header('cache-control', 'no-store');
    return { key: await volume.show(access.signerOf(request)) };
  });
  app.post('/v1/storage-key/noted', { config, schema: { body: StorageKeyNoted } }, async (request, reply) => {
    await volume.noted(request.body.last, access.signerOf(request));
    return reply.code(204).send();
  });
}
