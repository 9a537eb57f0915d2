import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { DirectoryKeys } from '#contract/directory.js';
import { check } from '#contract/parse.js';
import { environmentBlock } from '../../image/esp.js';
import { debOf, fetchPackages, PackageGone } from '../../image/fetch.js';
import { loadOrder } from '../../image/initrd.js';
import { mebi, placed, tableOf } from '../../image/layout.js';
import { type Locked, parseLock, printLock } from '../../image/lock.js';
import { architectures, listed, source } from '../../image/places.js';
import { makePublisher, openPublisher, signSums } from '../../image/publisher.js';
import { sbomOf } from '../../image/sbom.js';
import { ownFolder } from '../support/folder.js';

t.test('a lock is read as it was written', async () => {
  const one = fc.record(
    {
      section: fc.constantFrom('root' as const, 'boot' as const, 'tools' as const),
      sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
      sizeBytes: fc.nat(),
      url: fc.stringMatching(/^http:\/\/[a-z0-9/._%~-]{1,40}\.deb$/),
    },
    { noNullPrototype: true },
  );
  const lock = fc.record({ epochSeconds: fc.nat(), packages: fc.array(one) }, { noNullPrototype: true });
  fc.assert(fc.property(lock, (made) => assert.deepStrictEqual(parseLock(printLock(made)), made)));
});

t.test('what is no lock is refused', async (t) => {
  t.throws(() => parseLock(''), /epoch/);
  t.throws(() => parseLock('epoch 1\nroot abc 1 http://a/b.deb\n'), /cannot read the lock: root abc/);
});

t.test('every package of the lists is locked, for each architecture', async (t) => {
  for (const architecture of architectures) {
    const { packages, epochSeconds } = parseLock(readFileSync(source('lock', architecture), 'utf8'));
    t.ok(epochSeconds > 1_700_000_000);
    const inSection = (section: string) =>
      new Set(
        packages
          .filter((one) => one.section === section)
          .map((one) => decodeURIComponent(path.basename(one.url)).split('_')[0]),
      );
    for (const name of [...listed('root'), ...listed(`root.${architecture}`)]) t.ok(inSection('root').has(name), name);
    for (const name of listed(`boot.${architecture}`)) t.ok(inSection('boot').has(name), name);
    for (const name of listed('tools.amd64')) t.ok(inSection('tools').has(name), name);
  }
});

t.test('a driver is loaded behind what it needs, once, and what the kernel has built in is not', async (t) => {
  const dep = [
    'kernel/fs/ext4/ext4.ko.xz: kernel/lib/crc16.ko.xz kernel/fs/mbcache.ko.xz kernel/fs/jbd2.ko.xz',
    'kernel/fs/jbd2.ko.xz: kernel/lib/crc.ko.xz',
    'kernel/fs/mbcache.ko.xz:',
    'kernel/lib/crc16.ko.xz:',
    'kernel/lib/crc.ko.xz:',
    'kernel/drivers/usb-storage.ko.xz: kernel/lib/crc.ko.xz',
  ].join('\n');
  const order = loadOrder(dep, ['usb_storage', 'ext4', 'nvme']).map((file) => path.basename(file, '.ko.xz'));
  t.strictSame(order, ['crc', 'usb-storage', 'crc16', 'mbcache', 'jbd2', 'ext4']);
});

t.test('the partitions lie one behind the other, each by its name', async (t) => {
  for (const architecture of architectures) {
    const { partitions, sizeMiB } = placed(architecture);
    t.strictSame(
      partitions.map((one) => one.label),
      ['webizen-esp', 'rootfs-a', 'rootfs-b', 'webizen-data'],
    );
    partitions.reduce((end, one) => {
      t.equal(one.startMiB, end);
      return end + one.sizeMiB;
    }, 1);
    t.ok(sizeMiB * mebi < 4e9, 'it fits on a card of 4 GB');
    t.match(tableOf(architecture), /name="rootfs-b"/);
  }
});

t.test('RAUC and the boot loader read one environment block', async (t) => {
  const home = await ownFolder(t);
  const [file, script] = [path.join(home, 'grubenv'), source('overlay/usr/bin/grub-editenv')];
  const editenv = (...args: string[]) => execFileSync('sh', [script, file, ...args], { encoding: 'utf8' });
  writeFileSync(file, environmentBlock({ ORDER: 'A B', A_OK: '1', A_TRY: '0' }));
  t.equal(editenv('list'), 'ORDER=A B\nA_OK=1\nA_TRY=0\n');
  editenv('set', 'A_TRY=2', 'ORDER=B A', 'B_OK=1');
  t.equal(editenv('list'), 'A_OK=1\nA_TRY=2\nORDER=B A\nB_OK=1\n');
  const block = readFileSync(file, 'latin1');
  t.equal(block.length, 1024);
  t.match(block, /^# GRUB Environment Block\n/);
  t.match(block, /\n#+$/);
  writeFileSync(file, '');
  t.equal(editenv('list'), '', 'torn');
  editenv('set', 'A_OK=1');
  t.equal(readFileSync(file, 'latin1'), environmentBlock({ A_OK: '1' }));
  t.throws(() => environmentBlock({ A: 'x'.repeat(512) }), /longer than a sector/);
});

t.test('the list of what is in it names packages of both kinds, and nothing for development', async (t) => {
  const dpkgStatus = [
    'Package: podman\nStatus: install ok installed\nArchitecture: arm64\nVersion: 5.4.2+ds1-2\n',
    'Package: gone\nStatus: deinstall ok config-files\nArchitecture: arm64\nVersion: 1\n',
  ].join('\n');
  const packages = {
    '': { version: '0.1.0' },
    'node_modules/pino': { version: '10.4.0', license: 'MIT' },
    'node_modules/tap': { version: '21.8.0', dev: true },
  };
  const packageLock = JSON.stringify({ version: '0.1.0', packages });
  const sbom = JSON.parse(sbomOf({ architecture: 'arm64', dpkgStatus, packageLock, at: 0 }));
  t.equal(sbom.bomFormat, 'CycloneDX');
  t.strictSame(
    sbom.components.map((one: { purl: string }) => one.purl),
    ['pkg:deb/debian/podman@5.4.2%2Bds1-2?arch=arm64&distro=trixie', 'pkg:npm/pino@10.4.0'],
  );
});

t.test('what a publisher signs is checked with openssl and sha256sum alone', async (t) => {
  const home = await ownFolder(t);
  const key = path.join(home, 'publisher');
  await makePublisher(key, 'A publisher');
  t.equal(statSync(path.join(key, 'key.pem')).mode & 0o077, 0, 'nobody else reads the key');
  writeFileSync(path.join(home, 'image'), 'an image');
  const { keyFile, certificateFile, keyringFile, keysFile } = await openPublisher(key);
  await signSums(home, ['image'], keyFile);
  const shell = (script: string) => execFileSync('sh', ['-ec', script], { cwd: home, encoding: 'utf8' });
  t.match(shell('sha256sum --check SHA256SUMS'), 'image: OK');
  shell(`openssl x509 -in ${certificateFile} -noout -pubkey > publisher.pub`);
  const verify = 'openssl dgst -sha256 -verify publisher.pub -signature SHA256SUMS.sig SHA256SUMS';
  t.match(shell(verify), 'Verified OK');
  t.equal(readFileSync(keyringFile, 'utf8').split('BEGIN CERTIFICATE').length - 1, 2, 'this key and the next');
  const keys = check(DirectoryKeys, JSON.parse(readFileSync(keysFile, 'utf8')));
  t.ok(keys.ok && keys.value.keys[0].x !== keys.value.keys[1].x);
  writeFileSync(path.join(home, 'SHA256SUMS'), 'others');
  t.throws(() => shell(`${verify} 2>&1`));
});

t.test('an archive that is busy is asked again, and one that holds a package no longer is told apart', async (t) => {
  const bytes = Buffer.from(`a package of ${process.pid}`);
  let asked = 0;
  const server = createServer((request, reply) => {
    if (request.url === '/gone.deb') return reply.writeHead(404).end();
    asked += 1;
    return asked < 3 ? reply.writeHead(503).end() : reply.end(bytes);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const digest = createHash('sha256').update(bytes).digest('hex');
  t.teardown(() => rmSync(debOf(digest), { force: true }));
  const pauses: number[] = [];
  const pause = async (milliseconds: number) => void pauses.push(milliseconds);
  const of = (name: string, sha256: string): Locked => ({
    ...{ section: 'root', sha256, sizeBytes: bytes.length, url: `http://127.0.0.1:${port}/${name}.deb` },
  });

  await fetchPackages([of('busy', digest)], pause);
  t.same(readFileSync(debOf(digest)), bytes);
  t.same(pauses, [2000, 4000]);
  await t.rejects(fetchPackages([of('gone', '0'.repeat(64))], pause), PackageGone);
  asked = -100;
  await t.rejects(fetchPackages([of('busy', '1'.repeat(64))], pause), { message: /cannot fetch .*: 503/ });
  asked = 3;
  await t.rejects(fetchPackages([of('busy', '2'.repeat(64))], pause), { message: /is not what was locked/ });
});
