/** What an app counts under its owner's agreement. */
import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { NewUsage, UsageEntries, UsageEntry, UsageView } from '#contract/metering.js';
import { Refusal } from '#contract/problems.js';
import type { Callers } from '../access.js';
import type { Features, MeteringView } from '../features.js';
import { IdempotencyKey, idempotencyKeyOf } from '../idempotency.js';
import { ofBodies } from './bodies.js';

const capability = 'metering';
const After = Type.Object(
  {
    after: Type.Optional(Type.Integer({ minimum: 0, description: 'the number of the last entry that was seen' })),
    limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: '100 unless said' })),
  },
  { additionalProperties: false },
);

export function meteringRoutes(
  application: FastifyInstance,
  { callers, features }: { callers: Callers; features: Pick<Features, 'metering'> },
): void {
  function metering(): MeteringView {
    if (!features.metering) throw new Refusal('unavailable');
    return features.metering;
  }

  application.post(
    '/v1/metering',
    {
      config: {
        capability,
        operationId: 'postUsage',
        problems: [
          ...ofBodies,
          'idempotency-key-invalid',
          'idempotency-key-reused',
          'metering-key-missing',
          'metering-not-agreed',
          'metering-unit',
          'metering-quantity',
          'metering-capped',
          'metering-full',
          'disk-full',
          'unavailable',
        ],
      },
      schema: {
        summary: 'count what was used, in a unit of the plan that the owner agreed to; also without a network',
        headers: IdempotencyKey('needed: the same one is counted once, for five weeks at the least'),
        body: NewUsage,
        response: { 200: UsageEntry, 201: UsageEntry },
      },
    },
    async (request, reply): Promise<UsageEntry> => {
      const { id } = callers.of(request);
      const key = idempotencyKeyOf(request);
      if (key === undefined) throw new Refusal('metering-key-missing');
      const { entry, isNew } = await metering().count(id, request.body as NewUsage, key);
      reply.code(isNew ? 201 : 200);
      return entry;
    },
  );

  application.get(
    '/v1/metering',
    {
      config: { capability, operationId: 'getUsage', problems: ['metering-not-agreed', 'unavailable'] },
      schema: {
        summary: 'the agreement that holds, what this month has come to, and the limit that the owner has set',
        response: { 200: UsageView },
      },
    },
    async (request): Promise<UsageView> => metering().view(callers.of(request).id),
  );

  application.get(
    '/v1/metering/entries',
    {
      config: {
        capability,
        operationId: 'listUsage',
        problems: ['body-invalid', 'metering-not-agreed', 'unavailable'],
      },
      schema: {
        summary: 'what was counted, one by one, as it hangs together: for the maker, who has it from nobody else',
        querystring: After,
        response: { 200: UsageEntries },
      },
    },
    async (request): Promise<UsageEntries> => {
      const { after = 0, limit = 100 } = request.query as Static<typeof After>;
      return { entries: await metering().entries(callers.of(request).id, after, limit) };
    },
  );
}
