/** The locked packages, fetched once into the cache by their digests. */
import { createHash } from 'node:crypto';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import type { Locked } from './lock.js';
import { cached } from './places.js';
import { sha256 } from './run.js';

export const debOf = (digest: string): string => cached('debs', `${digest}.deb`);

/** @throws Error when it cannot be had, or is not what was locked */
async function fetchOne({ url, sha256: digest, sizeBytes }: Locked): Promise<void> {
  const file = debOf(digest);
  if (existsSync(file)) return;
  const reply = await fetch(url);
  if (!reply.ok)
    throw new Error(`cannot fetch ${url}: ${reply.status}; a newer one may have taken its place: make image-lock`);
  const bytes = Buffer.from(await reply.arrayBuffer());
  if (bytes.length !== sizeBytes || sha256(bytes) !== digest) throw new Error(`${url} is not what was locked`);
  writeFileSync(`${file}.part`, bytes);
  renameSync(`${file}.part`, file);
}

/** All of them, a few at a time. */
export async function fetchPackages(packages: readonly Locked[]): Promise<void> {
  const waiting = [...new Map(packages.map((one) => [one.sha256, one])).values()];
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next; next = waiting.pop()) await fetchOne(next);
  };
  await Promise.all(Array.from({ length: 6 }, work));
}

/** What the packages are made from, told apart from every other set. */
export const digestOf = (packages: readonly Locked[], ...more: string[]): string =>
  createHash('sha256')
    .update(JSON.stringify([packages.map((one) => one.sha256), ...more]))
    .digest('hex')
    .slice(0, 16);
