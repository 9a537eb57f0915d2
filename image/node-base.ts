/**
 * The layer that Node apps share, of the system's own Node: makers build on it (`webizen app build --base`), and every box has it
 * in its slot, so that an app is kilobytes on the way.
 */
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { packBase } from '#common/archive/base.js';
import { type Base, baseBlobs, baseFile } from '#common/archive/base-folder.js';
import type { Architecture } from './places.js';
import { outputOf } from './run.js';

/** Where the agent looks (`runtime.shipped` of its configuration). */
const shipped = 'usr/lib/webizen/layers';

/** @param directory made: what `webizen app base` leaves @param tree the root filesystem; its programs must run here */
export async function makeNodeBase(directory: string, architecture: Architecture, tree: string): Promise<void> {
  const blobs = baseBlobs(directory);
  mkdirSync(blobs, { recursive: true });
  const layer = await packBase({ node: '/usr/bin/node', directory: blobs, root: tree });
  const version = outputOf('chroot', [tree, '/usr/bin/node', '--version']).trim();
  const base: Base = { architecture, layers: [layer], about: `Node.js ${version}, of the image` };
  writeFileSync(baseFile(directory), `${JSON.stringify(base, null, 2)}\n`);
  mkdirSync(path.join(tree, shipped), { recursive: true });
  for (const name of readdirSync(blobs)) cpSync(path.join(blobs, name), path.join(tree, shipped, name));
}
