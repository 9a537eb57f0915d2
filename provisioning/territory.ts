/** What a territory is, as `init` wrote it down. */
import { lstat } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { type Files, isErrno, ownDirectory } from '#common/files.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { Profile } from '#contract/profile.js';

export const shortestLeafSeconds = 10;
export const longestLeafSeconds = 3660 * 86_400;
/** A box that lay in a drawer for a year comes back by itself. */
export const usualRenewalGraceSeconds = 730 * 86_400;

export const Territory = Type.Object(
  {
    ...Profile.properties.territory.properties,
    leafLifetimeSeconds: Type.Integer({ minimum: shortestLeafSeconds, maximum: longestLeafSeconds }),
    /** After a certificate's end, how long it still serves for renewal. */
    renewalGraceSeconds: Type.Optional(Type.Integer({ minimum: 0, maximum: longestLeafSeconds })),
  },
  { additionalProperties: true }, // a newer version may have written more
);
export type Territory = Static<typeof Territory>;

/** Where the running server answers commands. */
export const controlSocket = (directory: string): string => path.join(directory, 'control.sock');

export const territoryFile = (directory: string): string => path.join(directory, 'territory.json');

/** @throws Refusal `territory-missing`, `directory-owner` */
export async function checkDirectory(directory: string): Promise<void> {
  await lstat(directory).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw new Refusal('territory-missing', directory, { cause: error });
    if (isErrno(error, 'EACCES')) throw new Refusal('directory-owner', `cannot reach ${directory}`, { cause: error });
    throw error;
  });
  await ownDirectory(directory);
}

/** @throws Refusal `territory-missing`, `config-invalid` */
export async function readTerritory(files: Files, directory: string): Promise<Territory> {
  const file = territoryFile(directory);
  const bytes = await files.read(file);
  if (!bytes) throw new Refusal('territory-missing', directory);
  const parsed = parseJson(Territory, bytes);
  if (!parsed.ok) throw new Refusal('config-invalid', `${file}: ${describeFaults(parsed.faults)}`);
  return parsed.value;
}

export const writeTerritory = (files: Files, directory: string, territory: Territory): Promise<void> =>
  files.write(territoryFile(directory), `${JSON.stringify(territory, null, 2)}\n`);

export const secretFile = (directory: string): string => path.join(directory, 'operator.secret');

/** What the operator signs in with. @throws Refusal `territory-missing` */
export async function readSecret(files: Files, directory: string): Promise<string> {
  const secret = (await files.read(secretFile(directory)))?.toString('utf8').trim();
  if (!secret) throw new Refusal('territory-missing', `${secretFile(directory)} is missing or empty`);
  return secret;
}

export const writeSecret = (files: Files, directory: string, secret: string): Promise<void> =>
  files.write(secretFile(directory), `${secret}\n`, 0o600);
