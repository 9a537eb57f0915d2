/** What of a bundle of RAUC's format `verity` all the rest is known by: see contract/os-release.ts. */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { BundleSignature } from '#contract/os-release.js';
import { check } from '#contract/parse.js';

const magic = Buffer.from('hsqs'); // SquashFS, which a bundle begins with
const sequence = 0x30; // DER, which a CMS signature is
const lengthBytes = 8;

/** Undefined where the file is no signed bundle. @throws Error where it cannot be read */
export async function bundleSignature(file: string): Promise<BundleSignature | undefined> {
  const handle = await open(file, 'r');
  const read = async (at: number, length: number): Promise<Buffer> => {
    const bytes = Buffer.alloc(length);
    const { bytesRead } = await handle.read(bytes, 0, length, at);
    return bytes.subarray(0, bytesRead);
  };
  try {
    const { size } = await handle.stat();
    if (size < magic.length + lengthBytes || !(await read(0, magic.length)).equals(magic)) return undefined;
    const told = Number((await read(size - lengthBytes, lengthBytes)).readBigUInt64BE()) + lengthBytes;
    const found = check(BundleSignature, { sha256: '0'.repeat(64), size: told });
    if (!found.ok || told > size - magic.length) return undefined;
    const tail = await read(size - told, told);
    if (tail[0] !== sequence) return undefined;
    return { sha256: createHash('sha256').update(tail).digest('hex'), size: told };
  } finally {
    await handle.close();
  }
}
