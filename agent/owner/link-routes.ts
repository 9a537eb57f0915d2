/** The owner's API for companies: the code, who asks, what is offered, and who may decide what. */
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { LinkId } from '#contract/links.js';
import { Appointment, appointmentWord } from '#contract/owner-links.js';
import { Refusal } from '#contract/problems.js';
import { ReleaseId } from '#contract/release.js';
import type { OwnerLinks } from '../links/links.js';
import type { Access } from './access.js';

const config = { ownerAccess: 'owner' } as const;
const OfLink = Type.Object({ link: LinkId });
/** Thirty permissions with long names. */
const bodyLimit = 16 * 1024;

export function declareLinkRoutes(
  plain: FastifyInstance,
  { links, access }: { links: OwnerLinks; access: Access },
): void {
  const app = plain.withTypeProvider<TypeBoxTypeProvider>();
  const ofLink = { config, schema: { params: OfLink } };

  app.post('/v1/links/code', { config }, async (_request, reply) => {
    await links.showCode();
    return reply.code(204).send();
  });
  app.delete('/v1/links/code', { config }, async (_request, reply) => {
    await links.hideCode();
    return reply.code(204).send();
  });
  for (const act of ['confirm', 'refuse', 'end'] as const)
    app.post(`/v1/links/:link/${act}`, ofLink, async (request, reply) => {
      await links[act](request.params.link, access.signerOf(request));
      return reply.code(204).send();
    });
  app.put(
    '/v1/links/:link/manager',
    { config, bodyLimit, schema: { params: OfLink, body: Appointment } },
    async (request, reply) => {
      const { word, ...wish } = request.body;
      if (word.trim() !== appointmentWord) throw new Refusal('word-missing', `type “${appointmentWord}”`);
      await links.appoint(request.params.link, wish, access.signerOf(request));
      return reply.code(204).send();
    },
  );
  app.delete('/v1/links/:link/manager', ofLink, async (request, reply) => {
    await links.dismiss(request.params.link, access.signerOf(request));
    return reply.code(204).send();
  });
  app.post(
    '/v1/links/offers/:release/decline',
    { config, schema: { params: Type.Object({ release: ReleaseId }) } },
    async (request, reply) => {
      await links.decline(request.params.release, access.signerOf(request));
      return reply.code(204).send();
    },
  );
}
