/** The locked packages, fetched once into the cache by their digests. */
import { createHash } from 'node:crypto';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Locked } from './lock.js';
import { cached } from './places.js';
import { sha256 } from './run.js';

export const debOf = (digest: string): string => cached('debs', `${digest}.deb`);

/** The archive holds it no longer: it keeps the newest of each package alone. */
export class PackageGone extends Error {}

const mostTries = 4;
type Pause = (milliseconds: number) => Promise<void>;

/** Cuts on the way and an archive that is busy are waited out. @throws Error when it cannot be had */
async function bytesOf(url: string, pause: Pause): Promise<Buffer> {
  for (let tries = 1; ; tries += 1) {
    const reply = await fetch(url).catch((cause: unknown) => new Error(`cannot fetch ${url}`, { cause }));
    if (reply instanceof Response && (reply.status === 404 || reply.status === 410))
      throw new PackageGone(`the archive no longer holds ${url}: make image-lock`);
    const bytes =
      reply instanceof Response &&
      reply.ok &&
      (await reply.arrayBuffer().catch((cause: unknown) => new Error(String(cause))));
    if (bytes instanceof ArrayBuffer) return Buffer.from(bytes);
    if (tries === mostTries)
      throw reply instanceof Response ? new Error(`cannot fetch ${url}: ${reply.status}`) : reply;
    await pause(tries * 2000);
  }
}

/** @throws Error when it cannot be had, or is not what was locked */
async function fetchOne({ url, sha256: digest, sizeBytes }: Locked, pause: Pause): Promise<void> {
  const file = debOf(digest);
  if (existsSync(file)) return;
  const bytes = await bytesOf(url, pause);
  if (bytes.length !== sizeBytes || sha256(bytes) !== digest) throw new Error(`${url} is not what was locked`);
  writeFileSync(`${file}.part`, bytes);
  renameSync(`${file}.part`, file);
}

/** All of them, a few at a time. @throws PackageGone, Error */
export async function fetchPackages(packages: readonly Locked[], pause: Pause = delay): Promise<void> {
  const waiting = [...new Map(packages.map((one) => [one.sha256, one])).values()];
  const work = async (): Promise<void> => {
    for (let next = waiting.pop(); next; next = waiting.pop()) await fetchOne(next, pause);
  };
  await Promise.all(Array.from({ length: 6 }, work));
}

/** What the packages are made from, told apart from every other set. */
export const digestOf = (packages: readonly Locked[], ...more: string[]): string =>
  createHash('sha256')
    .update(JSON.stringify([packages.map((one) => one.sha256), ...more]))
    .digest('hex')
    .slice(0, 16);
