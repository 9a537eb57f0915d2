/** Payments, wired: who guesses at the secret of a hook is slowed down as one who guesses at codes. */
import type { FastifyInstance } from 'fastify';
import type { Clock } from '#common/clock.js';
import { createAttempts } from './est/attempts.js';
import { createPaymentHooks } from './payments/hooks.js';
import type { PaymentRooms } from './payments/operations.js';
import { createPayments } from './payments/payments.js';
import { createPayouts } from './payments/payouts.js';
import { declarePaymentRoutes } from './payments/routes.js';
import type { Store } from './store/store.js';

export function openPayments({
  store,
  clock,
  territory,
}: {
  store: Store;
  clock: Clock;
  territory: string;
}): PaymentRooms {
  const payments = createPayments({ store, clock });
  return {
    payments,
    paymentHooks: createPaymentHooks({ store, clock, payments }),
    payouts: createPayouts({ store, clock, territory }),
  };
}

export const declarePayments = (
  app: FastifyInstance,
  { paymentHooks: hooks }: Pick<PaymentRooms, 'paymentHooks'>,
  clock: Clock,
): void => declarePaymentRoutes(app, { hooks, attempts: createAttempts({ clock }) });
