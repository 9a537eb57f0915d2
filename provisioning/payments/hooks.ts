/**
 * Payment providers that tell of payments by a POST. A body counts when its hook's secret has signed it just now; told again,
 * it is the same payment. Nothing of a body with what looks like a card's number is kept, nor written to a log.
 */
import { randomBytes } from 'node:crypto';
import { amountOf, minorRead } from '#common/accounts/money.js';
import type { Clock } from '#common/clock.js';
import { isSignedBody } from '#common/signed-body.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { type CreatedPaymentHook, type PaymentHook, ToldPayment } from '#contract/payments.js';
import { Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import { createTurns } from '../store/turns.js';
import { holdsCardNumber } from './card-numbers.js';
import type { Payments } from './payments.js';

export interface PaymentHooks {
  /** The secret is told once. @throws Refusal `hook-exists`, `hooks-too-many` */
  create(name: string): Promise<CreatedPaymentHook>;
  /** What was taken by it stays. @throws Refusal `hook-unknown` */
  remove(name: string): Promise<void>;
  list(): Promise<PaymentHook[]>;
  /** Answers the payment's id. @throws Refusal `told-forged`, `card-number`, `body-malformed`, `body-invalid`, `told-differing` */
  take(told: { hook: string; signature: string; body: Buffer }): Promise<string>;
}

const most = 20;

/** As it was written, and as it reads: `\u0034` is a 4. */
function writings(body: Buffer): string[] {
  const text = body.toString('utf8');
  try {
    return [text, JSON.stringify(JSON.parse(text))];
  } catch {
    return [text];
  }
}

export function createPaymentHooks({
  store,
  clock,
  payments,
}: {
  store: Pick<Store, 'paymentHooks' | 'commit'>;
  clock: Clock;
  payments: Pick<Payments, 'tell'>;
}): PaymentHooks {
  const turns = createTurns();
  /** For hooks that there are none of: they take as long. */
  const nobody = randomBytes(32).toString('base64url');

  return {
    create: (name) =>
      turns.take('hooks', async () => {
        const names = await store.paymentHooks.keys().all();
        if (names.includes(name)) throw new Refusal('hook-exists', name);
        if (names.length >= most) throw new Refusal('hooks-too-many', `${most} at most`);
        const value = { secret: randomBytes(32).toString('base64url'), createdAt: clock.now() };
        await store.commit([{ type: 'put', sublevel: store.paymentHooks, key: name, value }]);
        return { name, ...value };
      }),
    remove: (name) =>
      turns.take('hooks', async () => {
        if (!(await store.paymentHooks.get(name))) throw new Refusal('hook-unknown', name);
        await store.commit([{ type: 'del', sublevel: store.paymentHooks, key: name }]);
      }),
    async list() {
      const all = await store.paymentHooks.iterator().all();
      return all.map(([name, { createdAt }]) => ({ name, createdAt }));
    },
    async take({ hook, signature, body }) {
      const secret = (await store.paymentHooks.get(hook))?.secret ?? nobody;
      if (!isSignedBody(secret, signature, body, clock.now())) throw new Refusal('told-forged');
      if (writings(body).some(holdsCardNumber)) throw new Refusal('card-number');
      const read = parseJson(ToldPayment, body);
      if (!read.ok) throw new Refusal('body-invalid', describeFaults(read.faults));
      const { id, reference, amount, currency, day } = read.value;
      const minor = minorRead(amount);
      if (minor === 0n || amountOf(minor, currency) !== amount)
        throw new Refusal('body-invalid', '/amount must be above or below zero, with all the digits of its currency');
      return payments.tell({
        ...{ source: `hook:${hook}`, line: 1, day, minor, currency, text: reference },
        ...{ outsideId: id, mark: `id!${id}` },
      });
    },
  };
}
