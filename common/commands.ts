/** Commands and desired states: signed by a territory, verified by its boxes (contract/commands.ts). */
import { createHash, type KeyObject } from 'node:crypto';
import type { Static, TSchema } from 'typebox';
import { Command, commandType, DesiredState, desiredType, largestCommand } from '#contract/commands.js';
import type { PublicJwk } from '#contract/directory.js';
import { parseJson } from '#contract/parse.js';
import { signJws, verifyJws } from './jws.js';
import type { Signer } from './pki/keys.js';

interface Signing<T> {
  key: KeyObject | Signer;
  kid: string;
  payload: T;
}

export const signCommand = ({ payload, ...by }: Signing<Command>): Promise<string> =>
  signJws({ type: commandType, payload: Buffer.from(JSON.stringify(payload)), ...by });
export const signDesired = ({ payload, ...by }: Signing<DesiredState>): Promise<string> =>
  signJws({ type: desiredType, payload: Buffer.from(JSON.stringify(payload)), ...by });

/** `elsewhere`: rightly signed, for another box or by another territory. `unknown-key`: there may be a newer one. */
export type CommandFault = 'malformed' | 'unknown-key' | 'forged' | 'elsewhere';
export type Verified<T> =
  | {
      ok: true;
      value: T;
      kid: string /** Of what was signed: two signatures of the same are the same. */;
      digest: string;
    }
  | { ok: false; fault: CommandFault };

export interface Addressee {
  /** Of the profile. */
  keys: readonly PublicJwk[];
  territory: string;
  box: string;
}

async function verify<T extends TSchema>(
  jws: string,
  type: string,
  schema: T,
  { keys, territory, box }: Addressee,
): Promise<Verified<Static<T>>> {
  if (jws.length > largestCommand) return { ok: false, fault: 'malformed' };
  const verified = await verifyJws(jws, { type, keys });
  if (!verified.ok) return { ok: false, fault: verified.fault === 'foreign' ? 'unknown-key' : verified.fault };
  const read = parseJson(schema, verified.payload);
  if (!read.ok) return { ok: false, fault: 'malformed' };
  const { value } = read;
  const about = value as { territory?: unknown; box?: unknown };
  if (about.territory !== territory || about.box !== box) return { ok: false, fault: 'elsewhere' };
  const digest = createHash('sha256').update(verified.payload).digest('hex');
  return { ok: true, value, kid: verified.header.kid, digest };
}

/** Takes outside bytes; never throws. */
export const verifyCommand = (jws: string, to: Addressee): Promise<Verified<Command>> =>
  verify(jws, commandType, Command, to);
export const verifyDesired = (jws: string, to: Addressee): Promise<Verified<DesiredState>> =>
  verify(jws, desiredType, DesiredState, to);
