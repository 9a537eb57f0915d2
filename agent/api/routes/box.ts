import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { Box, Health, Self } from '#contract/api.js';
import { Refusal } from '#contract/problems.js';
import type { Callers } from '../access.js';
import type { Features } from '../features.js';

/** What the box is, what the caller is, and how the box is doing. */
export function boxRoutes(
  application: FastifyInstance,
  { callers, features }: { callers: Callers; features: Features },
): void {
  application.get(
    '/v1/box',
    {
      config: { capability: null, operationId: 'getBox', problems: [] },
      schema: { summary: 'facts about the box and its territory', response: { 200: Box } },
    },
    () => features.box(),
  );

  application.get(
    '/v1/self',
    {
      config: { capability: null, operationId: 'getSelf', problems: ['unavailable'] },
      schema: { summary: 'the calling app: its grants, its limits, how it is run', response: { 200: Self } },
    },
    (request): Self => {
      const caller = callers.of(request);
      const { id, quotaBytes } = caller;
      const view = features.appView(id);
      if (!view) throw new Refusal('unavailable');
      const { state, sandbox, restarts, release = null, version = null } = view;
      const storage = { quotaBytes, usedBytes: features.storage.usedBytes(id) };
      return { id, state, release, version, sandbox, grants: [...caller.grants()], storage, restarts };
    },
  );

  application.put(
    '/v1/self/ready',
    {
      config: { capability: null, operationId: 'putReady', problems: [] },
      schema: {
        summary: 'the calling app is up; what its health check of the kind "ready" waits for',
        response: { 204: Type.Null() },
      },
    },
    (request, reply) => {
      features.ready(callers.of(request).id);
      return reply.code(204).send();
    },
  );

  application.get(
    '/v1/health',
    {
      config: { capability: 'health.read', operationId: 'getHealth', problems: [] },
      schema: { summary: 'the newest health sample of the box', response: { 200: Health } },
    },
    (): Health => ({ latest: features.health.latest() }),
  );
}
