import type { FastifyInstance } from 'fastify';
import { AppEvent } from '#contract/api.js';
import type { EventStreams } from '../events.js';

export function eventRoutes(application: FastifyInstance, { events }: { events: EventStreams }): void {
  application.get(
    '/v1/events',
    {
      config: { capability: null, operationId: 'getEvents', problems: [], answerType: 'text/event-stream' },
      schema: {
        summary: 'what happens on the box, as server-sent events; each has an AppEvent as its data',
        response: { 200: AppEvent },
      },
    },
    (_request, reply) => {
      reply.hijack();
      events.open(reply.raw);
    },
  );
}
