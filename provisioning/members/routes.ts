/** What anybody may read of a territory's members: its keys, how they stand, the credential of each, and who came after whom. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { namesEtag } from '#contract/etag.js';
import { credentialMediaType, memberCredentialPath, memberKeysPath, statusPath } from '#contract/member.js';
import { Refusal } from '#contract/problems.js';
import { successionPath } from '#contract/succession.js';
import type { Members } from './members.js';

/** To be asked about again each time: who was suspended a second ago is suspended. The tag makes that cheap. */
function answer(request: FastifyRequest, reply: FastifyReply, tag: string, type: string, body: () => string) {
  reply.header('etag', `"${tag}"`).header('cache-control', 'no-cache');
  const known = request.headers['if-none-match'];
  if (known !== undefined && namesEtag(known, `"${tag}"`, true)) return reply.code(304).send();
  return reply.type(type).send(body());
}

export function declareMemberRoutes(app: FastifyInstance, { members }: { members: Members }): void {
  app.get(memberKeysPath, (request, reply) => {
    const keys = members.keys();
    return answer(request, reply, keys.map(({ kid }) => kid).join('.'), 'application/json', () => JSON.stringify(keys));
  });

  app.get(statusPath, async (request, reply) => {
    const { sequence } = await members.lists();
    const body = JSON.stringify(await members.status());
    return answer(request, reply, String(sequence), 'application/json', () => body);
  });

  app.get<{ Params: { purpose: string } }>(`${statusPath}/:purpose`, async (request, reply) => {
    const { purpose } = request.params;
    if (purpose !== 'suspension' && purpose !== 'revocation') throw new Refusal('not-found');
    const lists = await members.lists();
    return answer(request, reply, String(lists.sequence), credentialMediaType, () => lists[purpose]);
  });

  app.get<{ Params: { app: string } }>(successionPath(':app'), (request, reply) => {
    const known = members.successionsOf(request.params.app);
    if (!known) throw new Refusal('succession-unknown', request.params.app);
    const tag = [...known.statements, known.credential].map((jws) => jws.slice(-20)).join('.'); // of their signatures
    return answer(request, reply, tag, 'application/json', () => JSON.stringify(known));
  });

  app.get<{ Params: { member: string } }>(memberCredentialPath(':member'), (request, reply) => {
    const credential = members.credentialOf(request.params.member);
    const tag = credential.slice(-86); // its signature
    return answer(request, reply, tag, credentialMediaType, () => credential);
  });
}
