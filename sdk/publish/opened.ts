/** An archive (.wza) opened for looking into: verified against the credential that it carries, which is told by its issuer. */
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, stat, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type OpenedArchive, openArchive } from '#common/archive/archive.js';
import { verifyRelease } from '#common/archive/release.js';
import type { MemberCredential } from '#contract/member.js';
import { Refusal } from '#contract/problems.js';
import type { Release } from '#contract/release.js';
import { readCredential } from './member-folder.js';

export interface Opened extends OpenedArchive {
  id: string;
  signed: Release;
  /** Not verified: whether the territory issued it only the territory's keys tell. */
  member: MemberCredential;
}

/**
 * What the archive holds, for as long as the work takes.
 * @throws Refusal `archive-…`, `release-…`, `credential-malformed`, `file-unreadable`
 */
export async function withArchive<T>(file: string, work: (opened: Opened) => Promise<T>): Promise<T> {
  const found = await stat(file).catch((error: unknown) => {
    throw new Refusal('file-unreadable', file, { cause: error });
  });
  if (!found.isFile()) throw new Refusal('file-unreadable', `${file} is not a file`);
  const directory = await mkdtemp(path.join(tmpdir(), 'webizen-'));
  try {
    const { bavail, bsize } = await statfs(directory);
    const opened = await openArchive(createReadStream(file), {
      directory,
      freeBytes: () => bavail * bsize,
      reserveBytes: 0,
    });
    const member = readCredential(opened.credential);
    const { id, release: signed } = await verifyRelease(opened.release, member.cnf.jwk);
    const { member: name, territory } = member.credentialSubject;
    if (name !== signed.member || territory !== signed.territory)
      throw new Refusal(
        'release-foreign',
        `signed for ${signed.member} of ${signed.territory}, by ${name} of ${territory}`,
      );
    return await work({ ...opened, id, signed, member });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
