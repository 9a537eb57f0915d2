/** What a container engine makes of our images: podman itself, with a store of its own. */
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import t from 'tap';
import { packBase } from '#common/archive/base.js';
import { checkImage } from '#common/archive/image.js';
import { blobFile, imageTar } from '#common/archive/layout.js';
import { folder, packFiles, packImage, packLayer } from '#common/archive/pack.js';
import { architecture, releaseOf } from '../support/archive.js';
import { ownFolder } from '../support/folder.js';
import { type TestPodman, testPodman } from '../support/podman.js';

/** The image as the engine is given it. */
async function load(podman: TestPodman, tar: AsyncIterable<Uint8Array>): Promise<void> {
  const file = path.join(podman.folder, 'image.tar');
  await pipeline(tar, createWriteStream(file));
  podman.run('load', '--quiet', '--input', file);
}

t.test('an engine loads our image under no name, and its digest is the one that is signed', async (t) => {
  const directory = await ownFolder(t);
  const podman = await testPodman(t);
  const layers = [
    await packFiles([folder('bin'), { name: 'bin/true', mode: 0o755, content: '' }, folder('tmp', 0o1777)], directory),
    await packFiles([folder('app'), { name: 'app/hello', content: 'hello from the app\n' }], directory),
  ];
  const made = await packImage({ architecture, layers, directory, environment: ['GREETING=hi'] });
  const release = releaseOf(made);
  const fileOf = (digest: string) => path.join(directory, blobFile(digest));
  const checked = await checkImage(release, { fileOf, architecture });
  await load(podman, imageTar(release, fileOf));
  const [image] = JSON.parse(podman.run('image', 'inspect', checked.configDigest.slice(7)));
  t.match(image, {
    Id: checked.configDigest.slice(7),
    Digest: release.image.digest,
    RepoTags: [],
    Architecture: architecture,
  });
  t.match(image.Config, { Env: ['GREETING=hi'] });
  t.same(
    image.RootFS.Layers,
    checked.layers.map(({ diffId }) => diffId),
  );
});

t.test(
  'a Node app of a few kilobytes runs on the base layer, with a root that nothing can be written to',
  async (t) => {
    const directory = await ownFolder(t);
    const podman = await testPodman(t);
    const source = path.join(directory, 'source');
    await mkdir(source);
    const script = `
    import { createHash } from 'node:crypto';
    import { writeFileSync } from 'node:fs';
    import { userInfo } from 'node:os';
    let written = 'yes';
    try { writeFileSync('/app/new', ''); } catch (error) { written = error.code; }
    console.log(JSON.stringify({ sum: createHash('sha256').update('x').digest('hex').length, written, ...userInfo() }));
  `;
    await writeFile(path.join(source, 'main.mjs'), script);
    const base = await packBase({ node: process.execPath, directory });
    const app = await packLayer(source, { prefix: 'app', directory });
    t.ok(app.layer.size < 2000);
    const release = releaseOf(
      await packImage({ architecture, layers: [base, app], directory, workingDirectory: '/app' }),
    );
    const fileOf = (digest: string) => path.join(directory, blobFile(digest));
    const { configDigest } = await checkImage(release, { fileOf, architecture });
    await load(podman, imageTar(release, fileOf));
    const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024', '--cap-drop', 'all'];
    const sandbox = ['--rm', '--network', 'none', '--read-only', '--user', '65534:65534', ...limits];
    const said = podman.run('run', ...sandbox, configDigest.slice(7), '/usr/bin/node', 'main.mjs');
    t.match(JSON.parse(said), { sum: 64, written: 'EROFS', username: 'nobody', uid: 65534 });
  },
);
