/** For which machine a Node is, whose layer is packed. */
import { open } from 'node:fs/promises';
import type { Architecture } from '#common/archive/base-folder.js';
import { Refusal } from '#contract/problems.js';

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
