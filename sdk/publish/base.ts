/** The layer that Node apps share: what `webizen app base` packs, boxes have already, and `webizen app build` builds on. */
import { open, readFile } from 'node:fs/promises';
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

/** `e_machine` of the ELF header (System V ABI) as OCI names it. @throws Refusal `base-invalid` */
export async function architectureOf(executable: string): Promise<Architecture> {
  const header = Buffer.alloc(20);
  try {
    const handle = await open(executable, 'r');
    try {
      await handle.read(header, 0, header.length, 0);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw new Refusal('base-invalid', `cannot read ${executable}`, { cause: error });
  }
  const machine = header.subarray(0, 4).toString('latin1') === '\x7fELF' ? header.readUInt16LE(18) : 0;
  if (machine === 62) return 'amd64';
  if (machine === 183) return 'arm64';
  throw new Refusal('base-invalid', `${executable} is not a program for Linux on amd64 or arm64`);
}
