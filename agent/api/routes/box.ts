import type { FastifyInstance } from 'fastify';
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
      const { id, grants, quotaBytes } = callers.of(request);
      const view = features.appView(id);
      if (!view) throw new Refusal('unavailable');
      const { state, sandbox, restarts } = view;
      const storage = { quotaBytes, usedBytes: features.storage.usedBytes(id) };
      return { id, state, sandbox, grants: [...grants], storage, restarts };
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
