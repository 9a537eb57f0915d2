import type { FastifyInstance } from 'fastify';

export function openapiRoutes(application: FastifyInstance): void {
  application.get(
    '/v1/openapi.json',
    {
      config: { capability: null, operationId: 'getOpenapi', problems: [], answerType: 'application/json' },
      schema: { summary: 'this specification' },
    },
    async (_request, reply) => {
      // Seldom asked for: not in memory until then.
      const { default: text } = await import('../openapi.generated.js');
      return reply.type('application/json').send(text);
    },
  );
}
