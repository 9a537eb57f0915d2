/** An alliance with a directory of its own, made by the code that the command runs. */
import type { X509Certificate } from 'node:crypto';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import { files } from '#common/files.js';
import { issueMakerRoot } from '#common/pki/idevid.js';
import { newPrivateKey, signerOf } from '#common/pki/keys.js';
import type { Directory, DirectoryKeys, DirectoryMaker, DirectoryTerritory } from '#contract/directory.js';
import { type Alliance, createAlliance, openAlliance } from '../../provisioning/directory/alliance.js';
import { ownFolder } from './folder.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

const day = 86_400_000;

/** DER of a certification authority. */
export const someCa = (name: string): Promise<Buffer> =>
  issueMakerRoot({ subject: { commonName: name }, signer: signerOf(newPrivateKey()), notBefore: Date.UTC(2026, 0, 1) });

export async function someTerritory(
  id: string,
  more: Partial<DirectoryTerritory> & { der?: Buffer } = {},
): Promise<DirectoryTerritory> {
  const { der = await someCa(id), ...rest } = more;
  return {
    id,
    name: `Territory ${id}`,
    jurisdiction: 'AU-NSW',
    law: 'New South Wales, Australia',
    provider: `${id} Pty Ltd`,
    est: `https://${id}.example:8440`,
    ca: [der.toString('base64')],
    standing: 'accredited',
    validFrom: Date.UTC(2026, 0, 1),
    validUntil: Date.UTC(2036, 0, 1),
    ...rest,
  };
}

export async function someMaker(id: string, ca?: X509Certificate): Promise<DirectoryMaker> {
  return {
    id,
    name: `Maker ${id}`,
    ca: (ca?.raw ?? (await someCa(id))).toString('base64'),
    standing: 'accredited',
    validFrom: Date.UTC(2026, 0, 1),
    validUntil: Date.UTC(2036, 0, 1),
  };
}

export interface TestAlliance {
  alliance: Alliance;
  directory: string;
  /** As they were at the beginning: what an image pins. */
  pinned: DirectoryKeys;
  publish(validDays?: number): Promise<string>;
}

export async function testAlliance(t: Teardown, clock: Clock): Promise<TestAlliance> {
  const directory = path.join(await ownFolder(t), 'alliance');
  const pinned = await createAlliance({ files, directory });
  const alliance = await openAlliance({ files, clock, directory });
  return { alliance, directory, pinned, publish: async (days = 30) => (await alliance.publish(days * day)).jws };
}

/** What is in it, unverified: for tests that alter it. */
export const payloadOf = (jws: string): Directory =>
  JSON.parse(Buffer.from(jws.split('.')[1] ?? '', 'base64url').toString('utf8')) as Directory;
