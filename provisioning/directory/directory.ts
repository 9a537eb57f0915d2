/** The copy of the alliance's directory that a territory keeps: to know makers by, and to hand to boxes. */
import { X509Certificate } from 'node:crypto';
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import { type HeldDirectory, openHeldDirectory } from '#common/directory/held.js';
import type { Files } from '#common/files.js';
import { type Directory, DirectoryKeys, isAccredited } from '#contract/directory.js';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';

export interface Maker {
  id: string;
  name: string;
  ca: X509Certificate;
}

export interface TerritoryDirectory {
  current(): { directory: Directory; expired: boolean } | undefined;
  jws(): string | undefined;
  /** Those in good standing at that time, milliseconds since 1970. */
  makers(at: number): Maker[];
  /**
   * Durable when it resolves. The first time it needs the alliance's public keys.
   * @throws Refusal `directory-keys-missing`, and those of `HeldDirectory.accept`
   */
  accept(jws: string, keys?: DirectoryKeys): Promise<'newer' | 'same'>;
}

/** @throws Refusal `directory-keys-invalid` */
export function parseDirectoryKeys(text: string): DirectoryKeys {
  const parsed = parseJson(DirectoryKeys, text);
  if (!parsed.ok) throw new Refusal('directory-keys-invalid', describeFaults(parsed.faults));
  const { generation, keys } = parsed.value;
  return { generation, keys };
}

export async function openTerritoryDirectory({
  files,
  directory,
  clock,
}: {
  files: Files;
  directory: string;
  clock: Clock;
}): Promise<TerritoryDirectory> {
  const file = path.join(directory, 'directory.json');
  let held: HeldDirectory | undefined = await openHeldDirectory({ files, file }).catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'directory-keys-missing') return undefined;
    throw error;
  });
  /** Of the makers of one directory: a certificate is read once, not at each enrolment. */
  let read: { of: Directory; makers: Map<string, X509Certificate> } | undefined;

  function certificates(of: Directory): Map<string, X509Certificate> {
    if (read?.of !== of)
      read = {
        of,
        makers: new Map(of.makers.map(({ id, ca }) => [id, new X509Certificate(Buffer.from(ca, 'base64'))])),
      };
    return read.makers;
  }

  return {
    current() {
      const now = held?.current();
      return now && { directory: now, expired: now.expiresAt <= clock.now() };
    },
    jws: () => held?.jws(),
    makers(at) {
      const now = held?.current();
      if (!now) return [];
      const cas = certificates(now);
      return now.makers.flatMap((maker) => {
        const ca = cas.get(maker.id);
        return ca && isAccredited(maker, at) ? [{ id: maker.id, name: maker.name, ca }] : [];
      });
    },
    async accept(jws, keys) {
      const chosen = keys || !held ? await openHeldDirectory({ files, file, pinned: keys }) : held;
      const outcome = await chosen.accept(jws);
      held = chosen;
      return outcome;
    },
  };
}
