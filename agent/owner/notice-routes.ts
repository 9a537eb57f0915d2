/** The owner's API for what apps tell: read, and dismissed. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { Notification } from '#contract/api.js';
import { type NoticeList, NoticesQuery, NoticesSeen } from '#contract/owner.js';
import type { OwnerFeatures } from './features.js';

const owner = { ownerAccess: 'owner' } as const;
/** Five hundred ids with their times. */
const seenBytes = 64 * 1024;
const OfNotice = Type.Object({ id: Notification.properties.id });

export function declareNoticeRoutes(plain: FastifyInstance, { notices }: Pick<OwnerFeatures, 'notices'>): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();

  app.get(
    '/v1/notices',
    { config: owner, schema: { querystring: NoticesQuery } },
    async ({ query }): Promise<NoticeList> => {
      const all = notices.list();
      return { notices: query.app === undefined ? all : all.filter((one) => one.app === query.app) };
    },
  );
  app.delete('/v1/notices/:id', { config: owner, schema: { params: OfNotice } }, async ({ params }, reply) => {
    await notices.dismiss(params.id);
    return reply.code(204).send();
  });
  app.post(
    '/v1/notices/dismissed',
    { config: owner, bodyLimit: seenBytes, schema: { body: NoticesSeen } },
    async ({ body }, reply) => {
      await notices.dismissAll(body.seen);
      return reply.code(204).send();
    },
  );
}
