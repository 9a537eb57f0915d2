/** What an app holds: its own update, or a restart of the box. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { Lease, LeaseExtension, LeaseList, NewLease } from '#contract/leases.js';
import { Refusal } from '#contract/problems.js';
import type { Callers } from '../access.js';
import type { Features, LeasesView } from '../features.js';
import { IdempotencyKey, idempotencyKeyOf } from '../idempotency.js';
import { ofBodies } from './bodies.js';

const capability = null;
const Key = IdempotencyKey('the same one answers with the same lease, as long as it lasts');
const OfLease = Type.Object({ id: Type.String() });

export function leaseRoutes(
  application: FastifyInstance,
  { callers, features }: { callers: Callers; features: Pick<Features, 'leases'> },
): void {
  const idOf = (request: FastifyRequest): string => (request.params as Static<typeof OfLease>).id;
  function leases(): LeasesView {
    if (!features.leases) throw new Refusal('unavailable');
    return features.leases;
  }

  application.post(
    '/v1/leases',
    {
      config: {
        capability,
        operationId: 'postLease',
        problems: [
          ...ofBodies,
          'idempotency-key-invalid',
          'idempotency-key-reused',
          'lease-late',
          'leases-too-many',
          'disk-full',
          'unavailable',
        ],
      },
      schema: {
        summary: 'hold the own update, or a restart of the box, for a stated reason and time',
        headers: Key,
        body: NewLease,
        response: { 200: Lease, 201: Lease },
      },
    },
    async (request, reply): Promise<Lease> => {
      const { id } = callers.of(request);
      const { lease, isNew } = await leases().take(id, request.body as NewLease, idempotencyKeyOf(request));
      reply.code(isNew ? 201 : 200);
      return lease;
    },
  );

  application.get(
    '/v1/leases',
    {
      config: { capability, operationId: 'listLeases', problems: ['unavailable'] },
      schema: { summary: 'what the calling app holds', response: { 200: LeaseList } },
    },
    (request): LeaseList => ({ leases: leases().list(callers.of(request).id) }),
  );

  application.put(
    '/v1/leases/:id',
    {
      config: {
        capability,
        operationId: 'putLease',
        problems: [...ofBodies, 'lease-unknown', 'lease-late', 'disk-full', 'unavailable'],
      },
      schema: {
        summary: 'hold it for so long from now on',
        params: OfLease,
        body: LeaseExtension,
        response: { 200: Lease },
      },
    },
    (request): Promise<Lease> =>
      leases().extend(callers.of(request).id, idOf(request), (request.body as LeaseExtension).seconds),
  );

  application.delete(
    '/v1/leases/:id',
    {
      config: { capability, operationId: 'deleteLease', problems: ['lease-unknown', 'unavailable'] },
      schema: {
        summary: 'hold it no longer',
        params: OfLease,
        response: { 204: Type.Null({ description: 'no body' }) },
      },
    },
    async (request, reply) => {
      await leases().release(callers.of(request).id, idOf(request));
      return reply.code(204).send();
    },
  );
}
