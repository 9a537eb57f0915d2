/** The owner's word in safe mode. */
import type { FastifyInstance } from 'fastify';
import type { OwnerFeatures } from './features.js';

export function declareSafeRoutes(app: FastifyInstance, { safe }: { safe: NonNullable<OwnerFeatures['safe']> }): void {
  app.post('/v1/safe/leave', { config: { ownerAccess: 'owner' } }, async (_request, reply) => {
    safe.leave();
    return reply.code(202).send({ change: null });
  });
}
