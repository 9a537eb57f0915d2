/** The owner's API about the network. Before there is an owner, whoever proved the label's code may choose the Wi-Fi. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { type NetworkView, NewWifi } from '#contract/network.js';
import type { Access } from './access.js';
import type { OwnerFeatures } from './features.js';

export function declareNetworkRoutes(
  plain: FastifyInstance,
  { network, access }: { network: NonNullable<OwnerFeatures['network']>; access: Access },
): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const holder = { ownerAccess: 'holder' } as const;

  app.get('/v1/network', { config: holder }, async (): Promise<NetworkView> => network.view());
  app.post('/v1/network/look', { config: holder }, async (): Promise<NetworkView> => {
    await network.look();
    return network.view();
  });
  // Answered before it is tried: the phone that asked may lose the box by it.
  app.put('/v1/network/wifi', { config: holder, schema: { body: NewWifi } }, async (request, reply) => {
    const holds = access.who(request);
    await network.choose(request.body, holds?.kind === 'owner' ? holds.signer : undefined);
    return reply.code(202).send({ change: null });
  });
  app.delete('/v1/network/wifi', { config: { ownerAccess: 'owner' } }, async (request, reply) => {
    await network.forget(access.signerOf(request));
    return reply.code(204).send();
  });
}
