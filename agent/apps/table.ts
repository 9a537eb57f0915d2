/** Offers that lie before the owner: the last few, in memory. What they need of the blobs is kept while they lie there. */
import type { Held } from './installed.js';

export interface Table {
  get(release: string): Held | undefined;
  put(held: Held, digests: readonly string[]): void;
  isPinned(digest: string): boolean;
}

export function createTable({ most = 20 }: { most?: number } = {}): Table {
  const lying = new Map<string, { held: Held; digests: ReadonlySet<string> }>();
  return {
    get: (release) => lying.get(release)?.held,
    put(held, digests) {
      const before = lying.get(held.release)?.digests ?? [];
      lying.delete(held.release);
      lying.set(held.release, { held, digests: new Set([...before, ...digests]) });
      for (const release of [...lying.keys()].slice(0, -most)) lying.delete(release);
    },
    isPinned: (digest) => [...lying.values()].some(({ digests }) => digests.has(digest)),
  };
}
