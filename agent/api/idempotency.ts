/** The key by which a request that is sent again is known (Idempotency-Key). */
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { Refusal } from '#contract/problems.js';

/** @param says what the same key means here */
export const IdempotencyKey = (says: string) =>
  Type.Object({
    'idempotency-key': Type.Optional(Type.String({ description: `1 to 100 visible ASCII characters; ${says}` })),
  });

const keyPattern = /^[\x21-\x7e]{1,100}$/;

/** @throws Refusal `idempotency-key-invalid` */
export function idempotencyKeyOf({ headers }: Pick<FastifyRequest, 'headers'>): string | undefined {
  const key = headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key !== 'string' || !keyPattern.test(key)) throw new Refusal('idempotency-key-invalid');
  return key;
}
