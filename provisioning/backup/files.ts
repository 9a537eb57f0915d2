/** The files of a territory's directory that it is made of: keys, certificates, what it is called. */
import { createHash } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { isErrno } from '#common/files.js';

/**
 * Made again where it is restored, or of this machine alone. Of the catalogue only the octets stay out, which are as
 * large as the disk: what was published stands in the store, and members upload what is missing again.
 */
const left = new Set(['store', 'records', 'machine', 'tls', 'control.sock', 'restoring', 'catalogue', 'diagnostics']);

export async function* filesIn(directory: string, below = ''): AsyncGenerator<string> {
  for (const entry of await readdir(path.join(directory, below), { withFileTypes: true })) {
    const name = path.join(below, entry.name);
    if (left.has(name) || name.endsWith('.new')) continue;
    if (entry.isDirectory()) yield* filesIn(directory, name);
    else if (entry.isFile()) yield name;
  }
}

/**
 * Made anew by whoever serves, or needed by nobody who serves. The alliance's directory has an order of its own, and an
 * older one does no harm.
 */
const free = /^(ca\/crl\.pem|ca\/root[^/]*\.key|members\/keys\.json|directory\.json)$/;

/** SHA-256 of each that whoever serves must have as it is, by name. Answers what reads them again where they have changed. */
export function createDigests(directory: string): () => Promise<Record<string, string>> {
  const known = new Map<string, { mark: string; digest: string }>();

  async function digestOf(name: string): Promise<string | undefined> {
    const place = path.join(directory, name);
    const { mtimeMs, size, ino } = await stat(place);
    const mark = `${mtimeMs} ${size} ${ino}`;
    const before = known.get(name);
    if (before?.mark === mark) return before.digest;
    const digest = createHash('sha256')
      .update(await readFile(place))
      .digest('hex');
    known.set(name, { mark, digest });
    return digest;
  }

  return async () => {
    const found: Record<string, string> = {};
    for await (const name of filesIn(directory)) {
      if (free.test(name)) continue;
      const digest = await digestOf(name).catch((error: unknown) => {
        if (isErrno(error, 'ENOENT')) return undefined; // gone since it was listed
        throw error;
      });
      if (digest !== undefined) found[name] = digest;
    }
    return Object.fromEntries(Object.entries(found).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
}
