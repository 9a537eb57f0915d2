import type { FastifyInstance } from 'fastify';
import { Attestation, AttestationRequest, NewNotification, Notified } from '#contract/api.js';
import { Refusal } from '#contract/problems.js';
import type { Callers } from '../access.js';
import type { Features } from '../features.js';
import { ofBodies } from './bodies.js';

/** What the box says for an app: to a server that wants to know who asks, and to the owner. */
export function tellRoutes(
  application: FastifyInstance,
  { callers, features }: { callers: Callers; features: Pick<Features, 'attest' | 'notifications'> },
): void {
  application.post(
    '/v1/identity/attestations',
    {
      config: {
        capability: 'identity.attest',
        operationId: 'postAttestation',
        problems: [
          ...ofBodies,
          'unavailable',
          'attest-not-enrolled',
          'attest-time-unknown',
          'attest-certificate',
          'attest-unreleased',
        ],
      },
      schema: {
        summary: 'a signed statement, good for five minutes, of which release of which app asks, on which box',
        body: AttestationRequest,
        response: { 200: Attestation },
      },
    },
    async (request): Promise<Attestation> => {
      if (!features.attest) throw new Refusal('unavailable');
      return features.attest.attest(callers.of(request).id, request.body as AttestationRequest);
    },
  );

  application.post(
    '/v1/notifications',
    {
      config: {
        capability: 'notify',
        operationId: 'postNotification',
        problems: [...ofBodies, 'notifications-too-many', 'disk-full', 'unavailable'],
      },
      schema: {
        summary: 'tell the owner something in the console; with the key of one that is still shown, in its place',
        body: NewNotification,
        response: { 200: Notified, 201: Notified },
      },
    },
    async (request, reply): Promise<Notified> => {
      if (!features.notifications) throw new Refusal('unavailable');
      const { id } = callers.of(request);
      const { notification, isNew } = await features.notifications.add(id, request.body as NewNotification);
      reply.code(isNew ? 201 : 200);
      return notification;
    },
  );
}
