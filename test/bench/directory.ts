/**
 * A directory of 500 territories and 50 makers: what it costs a box to verify and parse one, against one bare ES256
 * verification of the same bytes and JSON.parse of the same payload.
 */
import { createPublicKey, verify } from 'node:crypto';
import { verifyDirectory } from '#common/directory/verify.js';
import { publicJwkOf, signJws } from '#common/jws.js';
import { newPrivateKey } from '#common/pki/keys.js';
import { type Directory, directoryType, type PublicJwk } from '#contract/directory.js';
import { someMaker, someTerritory } from '../support/alliance.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';

const territories = 500;
const makers = 50;

async function aDirectory(): Promise<Directory> {
  const now = Date.now();
  const ids = (count: number, kind: string) => Array.from({ length: count }, (_, index) => `${kind}-${index}`);
  return {
    sequence: 1,
    issuedAt: now,
    expiresAt: now + 30 * 86_400_000,
    territories: await Promise.all(ids(territories, 'territory').map((id) => someTerritory(id))),
    makers: await Promise.all(ids(makers, 'maker').map((id) => someMaker(id))),
  };
}

export async function directory({ short, say }: Conditions): Promise<Figure[]> {
  const [current, next] = [newPrivateKey(), newPrivateKey()];
  const keys = { generation: 1, keys: [await publicJwkOf(current), await publicJwkOf(next)] as [PublicJwk, PublicJwk] };
  const payload = Buffer.from(JSON.stringify(await aDirectory()));
  const jws = await signJws({ type: directoryType, payload, key: current });
  say(`directory.accept: ${territories} territories and ${makers} makers are ${(jws.length / 1000).toFixed(0)} kB`);
  const publicKey = createPublicKey(current);
  const turns = short ? 5 : 20;

  async function timed(work: () => unknown): Promise<number> {
    const began = performance.now();
    for (let turn = 0; turn < turns; turn += 1) await work();
    return (performance.now() - began) / turns;
  }
  const bare = (): unknown => {
    const [head, end] = [jws.indexOf('.'), jws.lastIndexOf('.')];
    const signature = Buffer.from(jws.slice(end + 1), 'base64url');
    const signed = Buffer.from(jws.slice(0, end));
    if (!verify('sha256', signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)) throw new Error('forged');
    return JSON.parse(Buffer.from(jws.slice(head + 1, end), 'base64url').toString('utf8'));
  };
  const pair = await inTurns(
    short ? 3 : 9,
    () => timed(() => verifyDirectory(jws, keys)),
    () => timed(bare),
  );
  return [figure('directory.accept', 'ms', pair)];
}
