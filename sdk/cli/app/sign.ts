/** `app sign`: manifest and image under one signature, and the archive of both. */
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { writeArchive } from '#common/archive/archive.js';
import { blobsOf } from '#common/archive/layout.js';
import { signRelease } from '#common/archive/release.js';
import { files } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import type { Release } from '#contract/release.js';
import { memberFolder, membershipIn } from '../../publish/member-folder.js';
import { workshop } from '../../publish/workshop.js';
import { flag, memberPlace, noMoreThan, readArguments, text } from '../arguments.js';
import type { Command } from '../command.js';
import { statusListsOf, successionOf, withTerritory } from '../territory.js';

/** Milliseconds. The convention of reproducible builds: seconds since 1970. @throws Refusal `arguments-invalid` */
function madeAt(epoch: string | undefined): number {
  if (epoch === undefined || epoch === '') return Date.now();
  if (!/^\d{1,11}$/.test(epoch)) throw new Refusal('arguments-invalid', 'SOURCE_DATE_EPOCH is a number of seconds');
  return Number(epoch) * 1000;
}

export const sign: Command = async (args, { out, env }) => {
  const { values, positionals } = readArguments(args, {
    ...{ whole: flag, staple: flag, out: text },
    ...{ member: text, catalogue: text, ca: text },
  });
  noMoreThan(1, positionals);
  const folder = positionals[0] ?? '.';
  const who = memberFolder({ directory: memberPlace(values.member, env), files });
  const { key, rotation, jwt, credential } = await membershipIn(who);
  const place = workshop({ folder, files });
  const { shared, ...built } = await place.built();
  const { member, territory } = credential.credentialSubject;
  const release: Release = { ...built, member, territory, createdAt: madeAt(env.SOURCE_DATE_EPOCH) };
  const told = values.staple
    ? await withTerritory(values, who, async (https) => ({
        status: await statusListsOf(https),
        succession: await successionOf(https, built.manifest.id),
      }))
    : undefined;
  const { jws, id } = await signRelease({ release, key, rotation, succession: told?.succession });
  await place.keepRelease(jws);

  const { manifest, architecture } = built;
  const file = values.out ?? path.join(folder, `${manifest.id}-${manifest.version}-${architecture}.wza`);
  const inside = blobsOf(release).filter(({ digest }) => values.whole || !shared.includes(digest));
  const archive = writeArchive({
    release: jws,
    credential: jwt,
    ...(told ? { status: told.status } : {}),
    blobs: inside.map((blob) => ({ ...blob, file: place.fileOf(blob.digest) })),
  });
  const beside = `${file}.new`;
  try {
    await pipeline(Readable.from(archive), createWriteStream(beside, { mode: 0o644 }));
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  out(`release ${id}`);
  out(`archive ${file}`);
  if (!values.whole && shared.length > 0) out('without the base layer, which boxes have; --whole puts it in');
  return true;
};
