/**
 * What a territory signs commands to its boxes with: `commands/keys.json`, replaced whole, so that no cut leaves one key
 * signing and another listed. A key that was rolled stays listed until whatever it has signed has run out; one that was
 * compromised is listed no more from the moment on.
 */
import type { KeyObject } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Type } from 'typebox';
import type { Files } from '#common/files.js';
import { publicJwkOf } from '#common/jws.js';
import { keyFromPem, keyToPem, newPrivateKey } from '#common/pki/keys.js';
import { longestCommandSeconds } from '#contract/commands.js';
import { PublicJwk } from '#contract/directory.js';
import { Time } from '#contract/health.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

export interface CommandSigner {
  key: KeyObject;
  kid: string;
}

export interface CommandKeyRing {
  signer(): CommandSigner;
  /** Those that count, the one that signs first: what the profile lists. */
  listed(): PublicJwk[];
  /** Another key signs from now on; on the disk when it resolves. */
  roll(wish: { compromised: boolean }): Promise<PublicJwk>;
}

const KeysFile = Type.Object({
  key: Type.String({ description: 'PEM' }),
  former: Type.Array(Type.Object({ jwk: PublicJwk, until: Time })),
});

const mostListed = 8;

export async function openCommandKeys({
  files,
  directory,
  clock,
}: {
  files: Files;
  directory: string;
  clock: { now(): number };
}): Promise<CommandKeyRing> {
  const file = path.join(directory, 'commands', 'keys.json');

  async function keep(key: KeyObject, former: { jwk: PublicJwk; until: number }[]) {
    await files.write(file, JSON.stringify({ key: keyToPem(key), former }, null, 2), 0o600);
    return { key, jwk: await publicJwkOf(key), former };
  }

  async function load() {
    const bytes = await files.read(file);
    if (!bytes) {
      await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
      return keep(newPrivateKey(), []);
    }
    const read = parseJson(KeysFile, bytes);
    if (!read.ok) throw new Refusal('config-invalid', `${file}: ${describeFaults(read.faults)}`);
    const key = keyFromPem(read.value.key);
    return { key, jwk: await publicJwkOf(key), former: read.value.former };
  }

  let now = await load();
  return {
    signer: () => ({ key: now.key, kid: now.jwk.kid }),
    listed: () =>
      [now.jwk, ...now.former.filter(({ until }) => until > clock.now()).map(({ jwk }) => jwk)].slice(0, mostListed),
    async roll({ compromised }) {
      const until = clock.now() + longestCommandSeconds * 1000;
      const former = compromised
        ? []
        : [{ jwk: now.jwk, until }, ...now.former.filter((one) => one.until > clock.now())];
      now = await keep(newPrivateKey(), former);
      return now.jwk;
    },
  };
}
