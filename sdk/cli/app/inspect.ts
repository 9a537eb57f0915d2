/** `app inspect`: what an archive is, verified as far as it can be from here. */

import path from 'node:path';
import { baseBlobs, readBase } from '#common/archive/base-folder.js';
import { checkImage } from '#common/archive/image.js';
import { blobFile } from '#common/archive/layout.js';
import { when } from '#common/columns.js';
import { verifyCredential } from '#common/members/credential.js';
import { Refusal } from '#contract/problems.js';
import { type Opened, withArchive } from '../../publish/opened.js';
import { flag, noMoreThan, readArguments, required, text } from '../arguments.js';
import type { Command } from '../command.js';
import { memberKeysOf, type Named, withTerritory } from '../territory.js';

const words = {
  malformed: 'has no form that it could be believed in',
  foreign: 'is not signed by the keys of this territory',
  forged: 'has a signature that does not verify',
  early: 'is not valid yet',
  expired: 'has expired',
} as const;

/** Undefined where nobody named the territory; else a sentence, and whether it is well. */
async function vouched(
  { credential, signed }: Opened,
  named: Named,
): Promise<{ ok: boolean; said: string } | undefined> {
  if (named.catalogue === undefined || named.ca === undefined) return undefined;
  const keys = await withTerritory(named, undefined, memberKeysOf);
  const verified = await verifyCredential(credential, { keys, territory: signed.territory, at: Date.now() });
  if (verified.ok)
    return { ok: true, said: `vouched for by ${signed.territory} until ${verified.credential.validUntil}` };
  return { ok: false, said: `the credential ${words[verified.fault]}` };
}

export const inspect: Command = async (args, { out }) => {
  const { values, positionals } = readArguments(args, { base: text, catalogue: text, ca: text, json: flag });
  noMoreThan(1, positionals);
  if ((values.catalogue === undefined) !== (values.ca === undefined))
    throw new Refusal('arguments-invalid', '--catalogue and --ca go together');
  const file = required(positionals[0], 'the archive');
  return withArchive(file, async (opened) => {
    const { id, signed, member, blobs, status } = opened;
    const { manifest, architecture } = signed;
    const places = new Map(blobs);
    if (values.base !== undefined)
      for (const { layer } of (await readBase(values.base)).layers)
        if (!places.has(layer.digest))
          places.set(layer.digest, path.join(baseBlobs(values.base), blobFile(layer.digest)));
    const left = signed.blobs.filter(({ digest }) => !places.has(digest));
    const image =
      left.length === 0
        ? await checkImage(signed, { fileOf: (digest) => places.get(digest), architecture })
        : undefined;
    const territory = await vouched(opened, values);
    const subject = member.credentialSubject;
    const facts = {
      release: id,
      app: manifest.id,
      version: manifest.version,
      name: manifest.name.en,
      summary: manifest.summary.en,
      architecture,
      createdAt: when(signed.createdAt),
      member: { id: signed.member, territory: signed.territory, name: subject.name, class: subject.class },
      key: member.cnf.jwk.kid,
      vouched: territory?.ok ?? null,
      stapled: status !== undefined,
      capabilities: manifest.capabilities.map(({ capability, optional, reason }) => ({
        capability,
        optional: optional === true,
        reason: reason.en,
      })),
      resources: manifest.resources,
      image: signed.image.digest,
      imageChecked: image !== undefined,
      unpackedBytes: image?.unpackedBytes ?? null,
      blobs: signed.blobs.map(({ digest, size }) => ({ digest, size, inside: blobs.has(digest) })),
    };
    const ok = territory?.ok ?? true;
    if (values.json) {
      out(JSON.stringify({ ok, ...facts }, null, 2));
      return ok;
    }
    out(`${facts.app} ${facts.version} for ${architecture}: ${facts.name}`);
    out(`  ${facts.summary}`);
    out(`release   ${id}, made ${facts.createdAt}`);
    out(`signed    by ${facts.member.name} (${facts.member.id} of ${facts.member.territory}), key ${facts.key}`);
    out(`member    ${territory?.said ?? 'the territory was not asked: name it with --catalogue and --ca'}`);
    out(`standing  ${status ? 'stapled' : 'not stapled'}`);
    if (facts.capabilities.length === 0) out('asks for  nothing');
    for (const one of facts.capabilities)
      out(`asks for  ${one.capability}${one.optional ? ' (optional)' : ''}: ${one.reason}`);
    const { memoryMiB, cpus, pids, storageMiB } = manifest.resources;
    out(`limits    ${memoryMiB} MiB of memory, ${cpus} cpus, ${pids} processes, ${storageMiB} MiB of storage`);
    out(`image     ${facts.image}`);
    for (const { digest, size, inside } of facts.blobs) out(`  ${digest} ${size} bytes${inside ? '' : ', left out'}`);
    if (image) out(`OK: signature, blobs and image are right; ${image.unpackedBytes} bytes unpacked`);
    else
      out(
        'OK: signature and blobs are right; the image is checked where the blobs left out are: name them with --base',
      );
    return ok;
  });
};
