/** An owner's signature under an agreement, or under its end: made on the box, checked by whoever is shown it. */
import { createHash } from 'node:crypto';
import type { Static, TSchema } from 'typebox';
import { Agreement, AgreementEnd, agreementEndType, agreementType } from '#contract/agreements.js';
import { PublicJwk } from '#contract/directory.js';
import { type Canonical, canonicalJson } from '#contract/ledger-chain.js';
import { check, parseJson } from '#contract/parse.js';
import { agreedPlan, planDigest } from '#contract/plan-digest.js';
import type { Plan } from '#contract/plans.js';
import { unverifiedHeader, verifyJws } from './jws.js';

/** The owner's key, in a signed-in session. */
export interface OwnersHand {
  kid: string;
  /** ES256: r and s, 64 bytes. */
  sign(data: Uint8Array): Promise<Uint8Array>;
}

async function signed(type: string, payload: Canonical, hand: OwnersHand, { kty, crv, x, y }: PublicJwk) {
  const header = { alg: 'ES256', jwk: { kty, crv, x, y, kid: hand.kid }, kid: hand.kid, typ: type };
  const encode = (text: string): string => Buffer.from(text).toString('base64url');
  const text = `${encode(JSON.stringify(header))}.${encode(canonicalJson(payload))}`;
  return `${text}.${Buffer.from(await hand.sign(Buffer.from(text))).toString('base64url')}`;
}

export const signAgreement = (agreement: Agreement, hand: OwnersHand, jwk: PublicJwk): Promise<string> =>
  signed(agreementType, agreement, hand, jwk);

export const signAgreementEnd = (end: AgreementEnd, hand: OwnersHand, jwk: PublicJwk): Promise<string> =>
  signed(agreementEndType, end, hand, jwk);

/** Undefined unless its key signed just this. Takes outside bytes; never throws. */
async function read<T extends TSchema>(
  schema: T,
  type: string,
  jws: string,
): Promise<{ value: Static<T>; jwk: PublicJwk } | undefined> {
  const jwk = check(PublicJwk, unverifiedHeader(jws, type)?.jwk);
  if (!jwk.ok) return undefined;
  const verified = await verifyJws(jws, { type, keys: [jwk.value] });
  if (!verified.ok) return undefined;
  const parsed = parseJson(schema, verified.payload);
  return parsed.ok ? { value: parsed.value, jwk: jwk.value } : undefined;
}

/** What is signed names its own terms: a digest that is not that of its plan is no agreement. */
export async function readAgreement(jws: string): Promise<{ agreement: Agreement; jwk: PublicJwk } | undefined> {
  const found = await read(Agreement, agreementType, jws);
  if (!found || planDigest(found.value.plan) !== found.value.digest) return undefined;
  const { plan, class: owner, language } = found.value;
  if (!plan.audience.includes(owner.is) || !Object.hasOwn(plan.text, language)) return undefined;
  return { agreement: found.value, jwk: found.jwk };
}

export const readAgreementEnd = async (jws: string): Promise<AgreementEnd | undefined> =>
  (await read(AgreementEnd, agreementEndType, jws))?.value;

export const hashOfJws = (jws: string): string => createHash('sha256').update(jws).digest('hex');

/** Which of the plans these are the terms of; undefined: none of them. */
export const planOf = (plans: readonly Plan[] = [], digest: string): Plan | undefined =>
  plans.find((plan) => planDigest(agreedPlan(plan)) === digest);
