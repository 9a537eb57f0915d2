/** Which territory is meant, and calls of it in the member's name. */
import { readFile } from 'node:fs/promises';
import type { Static, TSchema } from 'typebox';
import type { PublicJwk } from '#contract/directory.js';
import { MemberKeys, memberCredentialPath, memberKeysPath, StatusLists, statusPath } from '#contract/member.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { RegisterState, registerPath } from '#contract/register.js';
import { AppSuccessions, successionPath } from '#contract/succession.js';
import { type Catalogue, createCatalogue } from '../publish/catalogue.js';
import { createHttps, type Https, refuseOf } from '../publish/https.js';
import { type MemberFolder, membershipIn } from '../publish/member-folder.js';
import { type Prove, proverOf } from '../publish/proved.js';

export interface Named {
  catalogue?: string | undefined;
  ca?: string | undefined;
}

/** @throws Refusal `file-unreadable` */
export async function readText(file: string): Promise<string> {
  return readFile(file, 'utf8').catch((error: unknown) => {
    throw new Refusal('file-unreadable', file, { cause: error });
  });
}

async function pemIn(file: string): Promise<string> {
  const pem = await readText(file);
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) throw new Refusal('file-unreadable', `${file}: no certificate`);
  return pem;
}

/** What the command line names, or else what the member's folder remembers; undefined when neither does. */
export async function territoryOf(
  { catalogue, ca }: Named,
  folder?: MemberFolder,
): Promise<{ origin: string; ca: string } | undefined> {
  const kept = folder ? await folder.settings() : {};
  const origin = catalogue ?? kept.catalogue;
  const pem = ca === undefined ? kept.ca : await pemIn(ca);
  return origin === undefined || pem === undefined ? undefined : { origin, ca: pem };
}

/** What anybody may read there. @throws Refusal of the territory, `catalogue-refused` */
export async function jsonOf<T extends TSchema>(https: Https, path: string, schema: T): Promise<Static<T>> {
  const reply = await https.call({ method: 'GET', path });
  const read = reply.status === 200 ? parseJson(schema, reply.body) : refuseOf(reply);
  if (!read.ok) throw new Refusal('catalogue-refused', `${path}: ${describeFaults(read.faults)}`);
  return read.value;
}

export const memberKeysOf = (https: Https): Promise<PublicJwk[]> => jsonOf(https, memberKeysPath, MemberKeys);
/** All that ever signed for members: for what was signed in its day. */
export const everKeysOf = async (https: Https): Promise<PublicJwk[]> =>
  (await jsonOf(https, registerPath, RegisterState)).keys;
export const statusListsOf = (https: Https): Promise<StatusLists> => jsonOf(https, statusPath, StatusLists);

/** Where the app has passed to whoever signs it now from another: what the territory says of that. */
export async function successionOf(https: Https, app: string): Promise<readonly string[]> {
  const reply = await https.call({ method: 'GET', path: successionPath(app) });
  if (reply.status === 404) return [];
  const read = reply.status === 200 ? parseJson(AppSuccessions, reply.body) : refuseOf(reply);
  if (!read.ok) throw new Refusal('catalogue-refused', `who came after whom: ${describeFaults(read.faults)}`);
  return read.value.statements;
}

/** The newest credential of a member, which anybody may read. */
export async function credentialOf(https: Https, member: string): Promise<string> {
  const reply = await https.call({ method: 'GET', path: memberCredentialPath(member) });
  return reply.status === 200 ? reply.body.toString('utf8').trim() : refuseOf(reply);
}

/** @throws Refusal `catalogue-unnamed` */
export async function withTerritory<T>(
  named: Named,
  folder: MemberFolder | undefined,
  work: (https: Https) => Promise<T>,
): Promise<T> {
  const territory = await territoryOf(named, folder);
  if (!territory) throw new Refusal('catalogue-unnamed');
  const https = createHttps(territory);
  try {
    return await work(https);
  } finally {
    https.close();
  }
}

/** In the member's name. @throws Refusal `catalogue-unnamed`, and whatever stands in the way of the work */
export async function withMember<T>(
  named: Named,
  folder: MemberFolder,
  work: (proven: { https: Https; prove: Prove }, who: Awaited<ReturnType<typeof membershipIn>>) => Promise<T>,
): Promise<T> {
  const who = await membershipIn(folder);
  const prove = proverOf(who);
  return withTerritory(named, folder, (https) => work({ https, prove }, who));
}

/** @throws Refusal as `withMember` */
export const withCatalogue = <T>(
  named: Named,
  folder: MemberFolder,
  work: (catalogue: Catalogue) => Promise<T>,
): Promise<T> => withMember(named, folder, (proven) => work(createCatalogue(proven)));
