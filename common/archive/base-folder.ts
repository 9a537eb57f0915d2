/** The base that makers of apps build on, as a folder: its layers in `blobs/`, and `base.json`, which says what it is. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { type Static, Type } from 'typebox';
import { describeFaults, parseJson } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { BlobDigest, Descriptor } from '#contract/release.js';

export const Architecture = Type.Union([Type.Literal('amd64'), Type.Literal('arm64')]);
export type Architecture = Static<typeof Architecture>;

export const Base = Type.Object(
  {
    architecture: Architecture,
    layers: Type.Array(Type.Object({ layer: Descriptor, diffId: BlobDigest }, { additionalProperties: false }), {
      minItems: 1,
      maxItems: 20,
    }),
    /** Which Node is in it, for people. */
    about: Type.Optional(Type.String({ maxLength: 200 })),
  },
  { $id: 'Base', additionalProperties: true },
);
export type Base = Static<typeof Base>;

export const baseFile = (directory: string): string => path.join(directory, 'base.json');
export const baseBlobs = (directory: string): string => path.join(directory, 'blobs');

/** @throws Refusal `base-invalid` */
export async function readBase(directory: string): Promise<Base> {
  const file = baseFile(directory);
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new Refusal('base-invalid', `cannot read ${file}`, { cause: error });
  });
  const read = parseJson(Base, bytes);
  if (!read.ok) throw new Refusal('base-invalid', `${file}: ${describeFaults(read.faults)}`);
  return read.value;
}
