import { mkdir, readdir } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { openArchive } from '#common/archive/archive.js';
import { verifyRelease } from '#common/archive/release.js';
import { publicJwkOf } from '#common/jws.js';
import { newPrivateKey } from '#common/pki/keys.js';
import { inPieces, someApp } from '../support/archive.js';
import { ownFolder } from '../support/folder.js';

t.test('an archive is read back as it was made, whatever the pieces it comes in', async (t) => {
  const directory = await ownFolder(t);
  const key = newPrivateKey();
  const app = await someApp(directory, { key });
  const again = await someApp(directory, { key });
  t.same(again.release, app.release);
  const head = (bytes: Buffer) => bytes.subarray(bytes.indexOf('oci-layout'));
  t.ok(head(again.archive).equals(head(app.archive)));
  for (const size of [1, 511, 513, 1_000_000]) {
    const staging = path.join(directory, `staging-${size}`);
    await mkdir(staging);
    const opened = await openArchive(inPieces(app.archive, size), { directory: staging, freeBytes: () => 1e12 });
    t.equal(opened.release, app.jws);
    t.same(
      [...opened.blobs.keys()],
      app.release.blobs.map(({ digest }) => digest),
    );
    t.equal((await readdir(staging)).length, 3);
    const { id, release } = await verifyRelease(opened.release, await publicJwkOf(key));
    t.equal(id, app.id);
    t.same(release, app.release);
  }
});
