/** An update as RAUC takes it: the slot's filesystem, signed by the publisher, with an index of its blocks for adaptive updates. */
import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Architecture } from './places.js';
import type { Publisher } from './publisher.js';
import type { Tools } from './tools.js';

const manifestOf = (architecture: Architecture, version: string): string => `[update]
compatible=webizen-${architecture}
version=${version}

[bundle]
format=verity

[image.rootfs]
filename=rootfs.img
adaptive=block-hash-index
`;

/**
 * @param directory where an image was built; the bundle goes there too
 * @param publisher where its key lies is shown to the tools
 */
export function makeBundle(
  directory: string,
  {
    architecture,
    version,
    publisher,
    tools,
  }: { architecture: Architecture; version: string; publisher: Publisher; tools: Tools },
): string {
  const content = path.join(directory, 'bundle');
  const bundle = path.join(directory, `webizen-${architecture}-${version}.raucb`);
  for (const place of [content, bundle]) rmSync(place, { recursive: true, force: true });
  mkdirSync(content);
  linkSync(path.join(directory, 'rootfs.ext4'), path.join(content, 'rootfs.img')); // RAUC goes by the name's ending
  writeFileSync(path.join(content, 'manifest.raucm'), manifestOf(architecture, version));
  const signer = [`--cert=${publisher.certificateFile}`, `--key=${publisher.keyFile}`];
  const packed = '--mksquashfs-args=-comp zstd -Xcompression-level 6';
  tools.run('rauc', ['bundle', packed, ...signer, content, bundle], undefined, [path.dirname(publisher.keyFile)]);
  rmSync(content, { recursive: true });
  return bundle;
}
