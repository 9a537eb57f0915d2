import type { FastifyInstance } from 'fastify';
import { AppEvent } from '#contract/api.js';
import type { Callers } from '../access.js';
import type { EventStreams } from '../events.js';

export function eventRoutes(
  application: FastifyInstance,
  { callers, events }: { callers: Callers; events: EventStreams },
): void {
  application.get(
    '/v1/events',
    {
      config: {
        capability: null,
        operationId: 'getEvents',
        problems: ['streams-too-many'],
        answerType: 'text/event-stream',
      },
      schema: {
        summary: 'what happens on the box, as server-sent events; each has an AppEvent as its data',
        response: { 200: AppEvent },
      },
    },
    (request, reply) => {
      const take = events.open(callers.of(request));
      reply.hijack();
      take(reply.raw);
    },
  );
}
