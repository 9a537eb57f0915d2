/**
 * Setup codes: what is printed on a box's label and proves that one has it in hand. 45 random bits, derived from nothing,
 * and a check character, `XXXXX-XXXXX` (base32.ts). A box keeps a slow hash and never the code.
 */
import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { newCode, parseCode } from './base32.js';

const length = 10;

export const newSetupCode = (): string => newCode(length);

/** The 10 characters without separators, or undefined. Takes outside bytes. */
export const parseSetupCode = (text: string): string | undefined => parseCode(text, length);

const base64 = (bytes: number) =>
  Type.String({ pattern: '^[A-Za-z0-9+/]+={0,2}$', maxLength: Math.ceil(bytes / 3) * 4 });

/** scrypt (RFC 7914) over the parsed code. The costs are bounded, because a file may come from elsewhere. */
export const SetupVerifier = Type.Object(
  {
    kdf: Type.Literal('scrypt'),
    cost: Type.Union([Type.Literal(8192), Type.Literal(16384), Type.Literal(32768), Type.Literal(65536)]),
    blockSize: Type.Literal(8),
    parallelism: Type.Literal(1),
    salt: base64(64),
    hash: base64(64),
  },
  { $id: 'SetupVerifier', additionalProperties: true },
);
export type SetupVerifier = Static<typeof SetupVerifier>;

const hashBytes = 32;

function derive(parsed: string, { cost, blockSize, parallelism, salt }: Omit<SetupVerifier, 'hash'>): Promise<Buffer> {
  const options = { N: cost, r: blockSize, p: parallelism, maxmem: 256 * cost * blockSize };
  return new Promise((resolve, reject) =>
    scrypt(`webizen setup ${parsed}`, Buffer.from(salt, 'base64'), hashBytes, options, (error, key) =>
      error ? reject(error) : resolve(key),
    ),
  );
}

/**
 * 2^13 with blocks of 8 is 8 MiB and some 20 ms here: guessing 45 bits by it takes a thousand cores ten years, and a
 * production line hashes a thousand codes in seconds.
 */
const usual = { kdf: 'scrypt', cost: 8192, blockSize: 8, parallelism: 1 } as const;

export async function setupVerifier(parsed: string): Promise<SetupVerifier> {
  const parameters = { ...usual, salt: randomBytes(16).toString('base64') };
  return { ...parameters, hash: (await derive(parsed, parameters)).toString('base64') };
}

/**
 * Takes the same work whether the text is a code, is the right one, or there is nothing to compare with.
 */
export async function verifySetupCode(text: string, verifier: SetupVerifier | undefined): Promise<boolean> {
  const parsed = parseSetupCode(text);
  const against = verifier ?? { ...usual, salt: '', hash: '' };
  const derived = await derive(parsed ?? '', against);
  const wanted = Buffer.from(against.hash, 'base64');
  const same = wanted.length === derived.length && timingSafeEqual(wanted, derived);
  return same && parsed !== undefined && verifier !== undefined;
}
