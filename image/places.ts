/** Where the image's things lie: sources beside this room, what is made below `build/`. */
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const architectures = ['amd64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

/** The checkout; this file runs from build/image. */
export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const source = (...parts: string[]): string => path.join(root, 'image', ...parts);
export const built = (...parts: string[]): string => path.join(root, 'build', ...parts);

/** Below the cache, its directory made. It outlives a rebuild; checkouts may share it by a link. */
export function cached(...parts: string[]): string {
  const place = built('image-cache', ...parts);
  mkdirSync(path.dirname(place), { recursive: true });
  return place;
}

/** The lines of a list of packages; what follows # is said to people. */
export const listed = (name: string): string[] =>
  readFileSync(source('lists', name), 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter(Boolean);
