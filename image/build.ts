/** `make image`: from the lock to a card's image with its sums, their signature and the list of what is in it. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openAlliance } from './alliance.js';
import { makeBundle } from './bundle.js';
import { makeData, makeDisk, makeSlot } from './disk.js';
import { makeEsp } from './esp.js';
import { fetchPackages } from './fetch.js';
import { type Lock, readLock } from './lock.js';
import { type Architecture, built, root } from './places.js';
import { openPublisher, signSums } from './publisher.js';
import { baseRoot } from './root.js';
import { run } from './run.js';
import { sbomOf } from './sbom.js';
import { openTools, type Tools } from './tools.js';
import { makeTree } from './tree.js';

export interface BuildOptions {
  architecture: Architecture;
  /** Of the system: what updates go by. */
  version: string;
  /** Where the result goes; made anew. */
  out?: string | undefined;
  alliance?: string | undefined;
  publisher?: string | undefined;
  /** False: the image alone, for whoever boots it at once. */
  complete: boolean;
  /** Told what is being done, and what the step before took. */
  tell(step: string): void;
}

/** What a build needs the network for, and what is slow in it; kept in the cache. @throws PackageGone */
export async function prepare(
  architecture: Architecture,
  tell: (step: string) => void,
): Promise<{ lock: Lock; base: string; tools: Tools }> {
  const lock = readLock(architecture);
  tell('packages');
  await fetchPackages(lock.packages);
  tell('root filesystem of Debian');
  const base = baseRoot(architecture, lock);
  tell('tools');
  return { lock, base, tools: openTools(lock) };
}

/** Of a build: what makers of Node apps build on. */
export const nodeBase = 'node-base';

/** Answers the directory: image, rootfs.ext4 and node-base; complete also image.zst, the update, node-base.tar, sbom.json, SHA256SUMS and SHA256SUMS.sig. */
export async function buildImage({ architecture, version, tell, ...options }: BuildOptions): Promise<string> {
  const out = options.out ?? built('image', architecture);
  const work = path.join(out, 'work');
  rmSync(out, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  const { lock, base, tools } = await prepare(architecture, tell);
  const publisher = await openPublisher(options.publisher);
  const alliance = openAlliance(options.alliance);
  tell('root filesystem with the agent');
  const tree = await makeTree(work, {
    architecture,
    version,
    base,
    alliance,
    nodeBase: path.join(out, nodeBase),
    publisher,
    tools,
  });
  const esp = makeEsp(work, architecture, lock, tree, tools);
  const slot = makeSlot(out, architecture, tree, tools);
  tell('disk');
  const data = makeData(work, architecture, tools);
  const disk = makeDisk(out, architecture, { 'webizen-esp': esp, 'rootfs-a': slot, 'webizen-data': data }, tools);
  if (options.complete) {
    tell('compressed');
    tools.run('zstd', ['--quiet', '--force', '-T2', '--no-progress', disk, '-o', `${disk}.zst`]);
    tell('update');
    const bundle = makeBundle(out, { architecture, version, publisher, tools });
    const asMade = ['--sort=name', '--owner=0', '--group=0', '--mode=a+rX,u+w,go-w', `--mtime=@${tools.epochSeconds}`];
    run('tar', [...asMade, '--create', '-f', path.join(out, `${nodeBase}.tar`), '-C', out, nodeBase]);
    tell('list of contents, sums, signature');
    const dpkgStatus = readFileSync(path.join(tree, 'var/lib/dpkg/status'), 'utf8');
    const packageLock = readFileSync(path.join(root, 'package-lock.json'), 'utf8');
    const sbom = sbomOf({ architecture, dpkgStatus, packageLock, at: lock.epochSeconds * 1000 });
    writeFileSync(path.join(out, 'sbom.json'), sbom);
    const names = ['image', 'image.zst', 'rootfs.ext4', path.basename(bundle), `${nodeBase}.tar`, 'sbom.json'];
    await signSums(out, names, publisher.keyFile);
  }
  rmSync(work, { recursive: true });
  tell('');
  return out;
}
