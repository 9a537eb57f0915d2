/** What payment providers tell, over HTTP on the territory's EST origin: see contract/payments.ts. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { signatureHeader } from '#contract/alerts.js';
import { type PaymentTaken, toldPath } from '#contract/payments.js';
import { Refusal } from '#contract/problems.js';
import type { PaymentHooks } from './hooks.js';

const bodyLimit = 16 * 1024;

export interface Attempts {
  /** @throws Refusal `too-many-attempts` */
  check(address: string): void;
  failed(address: string): void;
}

export function declarePaymentRoutes(
  app: FastifyInstance,
  { hooks, attempts }: { hooks: Pick<PaymentHooks, 'take'>; attempts: Attempts },
): void {
  app.register(async (own) => {
    // The signature is over the bytes: they are parsed when it is known to be right.
    own.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    const onRequest = async (request: FastifyRequest) => attempts.check(request.ip);
    own.post<{ Params: { hook: string } }>(
      `${toldPath}/:hook`,
      { bodyLimit, onRequest },
      async (request): Promise<PaymentTaken> => {
        const { body, params, headers, ip } = request;
        const signature = headers[signatureHeader];
        if (!Buffer.isBuffer(body)) throw new Refusal('body-malformed');
        try {
          const wish = { hook: params.hook, signature: typeof signature === 'string' ? signature : '', body };
          return { payment: await hooks.take(wish) };
        } catch (error) {
          if (error instanceof Refusal && error.code === 'told-forged') attempts.failed(ip);
          throw error;
        }
      },
    );
  });
}
