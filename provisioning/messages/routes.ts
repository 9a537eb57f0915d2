/** A member's messages over HTTP, on the territory's EST origin: see contract/messages.ts. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { ReleasedAppId } from '#contract/manifest.js';
import {
  longestWaitSeconds,
  MessageId,
  maxSealedBytes,
  memberMessagesPath,
  mostInPage,
  NewParcel,
  ParcelAcks,
  type ParcelPage,
  type ParcelState,
  StoredParcel,
} from '#contract/messages.js';
import { check, describeFaults, type Parsed } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import type { Callers } from '../catalogue/caller.js';
import type { Desk } from './messages.js';

const Digits = (pattern: string) => Type.Optional(Type.String({ pattern }));
const PageQuery = Type.Object({
  app: ReleasedAppId,
  after: Type.Optional(StoredParcel.properties.ref),
  limit: Digits('^[1-9][0-9]{0,2}$'),
  waitSeconds: Digits('^[0-9]{1,2}$'),
});
const OneParcel = Type.Object({ app: ReleasedAppId, id: MessageId });
const bodyLimit = maxSealedBytes + 4096;
/** However large they are: an answer that is all in memory, here and there. */
const usualInPage = 20;

function wanted<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new Refusal('body-invalid', describeFaults(parsed.faults));
}

export function declareMessageRoutes(
  app: FastifyInstance,
  { callers, desk }: { callers: Pick<Callers, 'member'>; desk: Desk },
): void {
  /** Before the body is read: a stranger's is not. */
  const asked = new WeakMap<FastifyRequest, Awaited<ReturnType<typeof callers.member>>>();
  const onRequest = async (request: FastifyRequest): Promise<void> => {
    asked.set(request, await callers.member(request));
  };
  function memberOf(request: FastifyRequest) {
    const member = asked.get(request);
    if (!member) throw new Refusal('credential-missing');
    return member;
  }

  app.get(memberMessagesPath, { onRequest, exposeHeadRoute: false }, async (request, reply): Promise<ParcelPage> => {
    const { app: its, after = '', limit, waitSeconds } = wanted(check(PageQuery, request.query));
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    return desk.page(memberOf(request), {
      ...{ app: its, after, signal: gone.signal },
      limit: Math.min(Number(limit ?? usualInPage), mostInPage),
      waitSeconds: Math.min(Number(waitSeconds ?? 0), longestWaitSeconds),
    });
  });

  app.post(`${memberMessagesPath}/acknowledge`, { onRequest }, async (request, reply) => {
    const { app: its, refs } = wanted(check(ParcelAcks, request.body));
    await desk.acknowledge(memberOf(request), its, refs);
    return reply.code(204).send();
  });

  app.post(memberMessagesPath, { bodyLimit, onRequest }, async (request, reply): Promise<ParcelState> => {
    const state = await desk.post(memberOf(request), wanted(check(NewParcel, request.body)));
    reply.code(202);
    return state;
  });

  app.get<{ Params: { id: string }; Querystring: { app?: string } }>(
    `${memberMessagesPath}/:id`,
    { onRequest, exposeHeadRoute: false },
    async (request): Promise<ParcelState> => {
      const { app: its, id } = wanted(check(OneParcel, { app: request.query.app, id: request.params.id }));
      return desk.state(memberOf(request), its, id);
    },
  );
}
