/**
 * Makes a territory's directory from a backup. What happened after the backup is not in it, and so:
 *
 * - numbers that must never go back jump ahead by a margin, and serials are random;
 * - claims that were open are revoked: one may have been used since, and a code serves once;
 * - when it was restored stands in the store, so that boxes that were certified in between can be known again
 *   (boxes/readmission.ts).
 *
 * `territory.json` comes last, and `restoring` is there until then: a cut restore is repeated from the beginning.
 */
import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { type Files, isErrno, ownDirectory } from '#common/files.js';
import { crlFromPem } from '#common/pki/crl.js';
import { Refusal } from '#contract/problems.js';
import { openStore, type Store } from '../store/store.js';
import { type Content, format, readBackup } from './format.js';

/** More revocation lists than a territory makes in a lifetime. */
export const margin = 1_000_000;

export interface RestoreResult {
  territory: string;
  /** When the backup was made. */
  at: number;
  entries: number;
  claimsRevoked: number;
  revokedSince: number;
}

const inBatch = 2000;

async function prepare(directory: string, files: Files): Promise<void> {
  const names = await readdir(directory).catch((error: unknown): string[] => {
    if (isErrno(error, 'ENOENT')) return [];
    throw new Refusal('directory-owner', `cannot read ${directory}`, { cause: error });
  });
  if (names.length > 0 && !names.includes('restoring'))
    throw new Refusal('directory-not-empty', `${path.join(directory, names[0] ?? '')} is there`);
  await ownDirectory(directory);
  await files.write(path.join(directory, 'restoring'), '');
  for (const name of names) if (name !== 'restoring') await rm(path.join(directory, name), { recursive: true });
}

/** What the newest list names and the backup may not know. Only an operator can vouch for where the file comes from. */
function serialsIn(pem: string): { serial: string; at: number }[] {
  const lists = pem.match(/-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g) ?? [];
  if (lists.length === 0) throw new Refusal('crl-malformed', 'there is no list in it');
  return lists.flatMap((list) => [...crlFromPem(list).revoked.values()]);
}

async function catchUp(store: Store, now: number, backupAt: number, crl: string | undefined) {
  const operations: Operation[] = [];
  let claimsRevoked = 0;
  for await (const [key, record] of store.claims.iterator()) {
    if (record.use || record.revokedAt !== undefined || record.expiresAt <= now) continue;
    operations.push({ type: 'put', sublevel: store.claims, key, value: { ...record, revokedAt: now } });
    claimsRevoked += 1;
  }
  const last = await store.crls.get('last');
  const number = Math.max(last?.number ?? 0, Math.floor(now / 1000)) + margin;
  operations.push({ type: 'put', sublevel: store.crls, key: 'last', value: { number, thisUpdate: now } });

  const lists = await store.memberLists.get('last');
  if (lists) {
    const value = { ...lists, sequence: Math.max(lists.sequence, Math.floor(now / 1000)) + margin, madeAt: 0 };
    operations.push({ type: 'put', sublevel: store.memberLists, key: 'last', value });
  }

  let revokedSince = 0;
  for (const { serial, at } of crl === undefined ? [] : serialsIn(crl)) {
    if (await store.revocations.get(serial)) continue;
    // How long the certificate would have lasted is not known: the entry stays a year.
    const value = { at, notAfter: now + 366 * 86_400_000, reason: 'revoked' as const };
    operations.push({ type: 'put', sublevel: store.revocations, key: serial, value });
    revokedSince += 1;
  }
  for await (const [key, record] of store.boxes.iterator()) {
    if (record.revokedAt !== undefined || crl === undefined) continue;
    const named = serialsIn(crl).find(({ serial }) => serial === record.certificate.serial);
    if (named) operations.push({ type: 'put', sublevel: store.boxes, key, value: { ...record, revokedAt: named.at } });
  }
  operations.push({ type: 'put', sublevel: store.restorations, key: 'last', value: { at: now, backupAt } });
  await store.commit(operations);
  return { claimsRevoked, revokedSince };
}

/**
 * @param crl PEM of the newest revocation list that is known, such as the one that a broker holds
 * @throws Refusal `backup-damaged`, `directory-not-empty`, `directory-owner`, `crl-malformed`
 */
export async function restore({
  from,
  directory,
  crl,
  files,
  clock,
}: {
  from: string;
  directory: string;
  crl?: string | undefined;
  files: Files;
  clock: Clock;
}): Promise<RestoreResult> {
  // Once through before anything is written: what is damaged at its end is damaged.
  let head: Extract<Content, { format: string }> | undefined;
  for await (const content of readBackup(from)) if ('format' in content) head = content;
  if (!head) throw new Refusal('backup-damaged', `${from}: it is empty`);
  if (head.format !== format) throw new Refusal('backup-damaged', `${from}: it is for a machine that stands by`);
  if (crl !== undefined) serialsIn(crl);
  await prepare(directory, files);
  const store = await openStore(directory);
  let territory: Extract<Content, { file: string }> | undefined;
  let entries = 0;
  let waiting: Operation[] = [];
  try {
    for await (const content of readBackup(from)) {
      if ('file' in content) {
        if (content.file === 'territory.json') territory = content;
        else {
          const place = path.join(directory, content.file);
          await mkdir(path.dirname(place), { recursive: true, mode: 0o700 });
          await files.write(place, Buffer.from(content.data, 'base64'), content.mode);
          await chmod(place, content.mode); // the umask had its say
        }
      } else if ('key' in content) {
        const { key } = content;
        const value = 'base64' in content ? Buffer.from(content.base64, 'base64') : Buffer.from(content.value);
        waiting.push({ type: 'put', key, value, keyEncoding: 'utf8', valueEncoding: 'buffer' });
        entries += 1;
        if (waiting.length < inBatch) continue;
        await store.commit(waiting);
        waiting = [];
      }
    }
    await store.commit(waiting);
    if (!territory) throw new Refusal('backup-damaged', `${from}: territory.json is not in it`);
    const done = await catchUp(store, clock.now(), head.at, crl);
    await store.close();
    await files.write(path.join(directory, territory.file), Buffer.from(territory.data, 'base64'), territory.mode);
    await files.remove(path.join(directory, 'restoring'));
    return { territory: head.territory, at: head.at, entries, ...done };
  } catch (error) {
    await store.close().catch(() => {});
    throw error;
  }
}
