/** The `webizen` command as a VAR runs it: the key, the app, the archive. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { imageTar } from '#common/archive/layout.js';
import { followRotation, verifyRelease } from '#common/archive/release.js';
import { publicJwkOf } from '#common/jws.js';
import { keyFromPem, newPrivateKey } from '#common/pki/keys.js';
import { Refusal } from '#contract/problems.js';
import { readManifest } from '../../sdk/publish/manifest-file.js';
import { readOciArchive } from '../../sdk/publish/oci-archive.js';
import { call, startApiBox } from '../support/api-box.js';
import { collect, someApp } from '../support/archive.js';
import { ownFolder } from '../support/folder.js';
import { credentialFor, type Laptop, laptop, memberLaptop, packedBase, strangersJwk } from '../support/var.js';

// Nothing here runs it, and a small program is packed at once.
const base = await packedBase(t, '/bin/true');

/** Every file below, by its name. */
async function bytesBelow(folder: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const file = path.join(entry.parentPath, entry.name);
      found[path.relative(folder, file)] = await readFile(file, 'base64');
    }
  return found;
}

function done(t: Test, finished: { status: number | null; stdout: string; stderr: string }): string {
  t.equal(finished.status, 0, finished.stderr);
  return finished.stdout;
}

/** An app made, built and signed. Answers the file of its archive. */
function signedApp(t: Test, own: Laptop, ...more: string[]): string {
  done(t, own.webizen('app', 'init', 'visits', '--id', 'example.visits'));
  done(t, own.webizen('app', 'build', 'visits', '--base', base));
  done(t, own.webizen('app', 'sign', 'visits', '--out', 'visits.wza', ...more));
  return own.at('visits.wza');
}

t.test('help reads well, and a wrong command line ends with code 2', async (t) => {
  const { webizen } = await laptop(t);
  t.match(webizen('--help'), { status: 0, stdout: /webizen member …[\s\S]*webizen app …[\s\S]*Exit codes/ });
  for (const verb of ['init', 'check', 'base', 'build', 'sign', 'inspect', 'publish', 'status', 'withdraw'])
    t.match(webizen('app', '--help').stdout, `webizen app ${verb} `);
  t.match(webizen('member', 'rotate', '--help').stdout, 'webizen member rotate');
  t.match(webizen(), { status: 2, stderr: /arguments-invalid: .*no command is named/ });
  t.match(webizen('dance'), { status: 2, stderr: /there is no command "dance"/ });
  t.match(webizen('app', 'dance'), { status: 2, stderr: /app is followed by init, check/ });
  t.match(webizen('app', 'init', 'x', '--id', 'Visits'), { status: 2, stderr: /reverse-domain/ });
  t.match(webizen('app', 'build'), { status: 2, stderr: /--base.*--oci/ });
});

t.test('a member makes a key for themself alone and a request, and never a second key beside it', async (t) => {
  const own = await laptop(t);
  const request = ['member', 'request', '--name', 'Acme Apps', '--class', 'var', '--out', 'member'];
  t.match(own.webizen(...request.slice(0, 4)), { status: 2, stderr: /--class is missing/ });
  const said = done(t, own.webizen(...request));
  const file = own.at('member', 'member.key');
  t.equal((await stat(file)).mode & 0o777, 0o600);
  t.equal((await stat(own.member)).mode & 0o777, 0o700);
  const { key } = JSON.parse(await readFile(file, 'utf8')) as { key: string };
  const { kid } = await publicJwkOf(keyFromPem(key));
  t.match(said, kid);
  t.match(done(t, own.webizen('member', 'show')), `key        ${kid}`);
  t.match(own.webizen(...request), { status: 1, stderr: /member-folder-taken/ });
  t.match(own.webizen('app', 'sign'), { status: 1, stderr: /membership-missing[\s\S]*webizen member accept/ });

  await chmod(file, 0o640);
  const refused = own.webizen('member', 'show');
  t.match(refused, { status: 1, stderr: /key-exposed: .*mode 640/ });
  await chmod(file, 0o600);
  await writeFile(file, JSON.stringify({ key: key.replace(/[A-Za-z]{8}/, 'AAAAAAAA') }));
  const broken = own.webizen('member', 'show');
  t.match(broken, { status: 1, stderr: /file-unreadable/ });
  for (const line of key.split('\n').filter((one) => one.length > 20))
    for (const { stdout, stderr } of [refused, broken]) t.notOk(`${stdout}${stderr}`.includes(line));
});

t.test('a credential is kept for the key that is here, and a new key is vouched for by the old', async (t) => {
  const own = await memberLaptop(t);
  t.match(done(t, own.webizen('member', 'show')), /acme-apps of harbour: Acme Apps/);
  await writeFile(own.at('foreign.jwt'), await credentialFor(await strangersJwk()));
  t.match(own.webizen('member', 'accept', 'foreign.jwt'), { status: 1, stderr: /credential-for-another-key/ });
  await writeFile(own.at('none.jwt'), 'nothing');
  t.match(own.webizen('member', 'accept', 'none.jwt'), { status: 1, stderr: /credential-malformed/ });

  done(t, own.webizen('member', 'rotate'));
  t.match(own.webizen('member', 'rotate'), { status: 1, stderr: /rotation-pending/ });
  const next = JSON.parse(await readFile(own.at('member', 'next.key'), 'utf8')) as { key: string };
  const jwk = await publicJwkOf(keyFromPem(next.key));
  const shown = JSON.parse(done(t, own.webizen('member', 'show', '--json'))) as { key: string; nextKey: string };
  t.match(shown, { key: own.jwk.kid, nextKey: jwk.kid }, 'the present key serves until the credential is there');
  await writeFile(own.at('next.jwt'), await credentialFor(jwk));
  done(t, own.webizen('member', 'accept', 'next.jwt'));
  t.match(JSON.parse(done(t, own.webizen('member', 'show', '--json'))), { key: jwk.kid, nextKey: null, keysBefore: 1 });

  signedApp(t, own);
  const jws = (await readFile(own.at('visits', '.webizen', 'release.jws'), 'utf8')).trim();
  t.match(await verifyRelease(jws, jwk), { release: { member: 'acme-apps', territory: 'harbour' } });
  t.match(await followRotation(jws, own.jwk), { kid: jwk.kid }, 'a box that knows the old key finds the new one');
});

t.test('an app goes from nothing to a signed archive, the same bytes each time', async (t) => {
  const own = await memberLaptop(t);
  t.match(own.webizen('app', 'build', '--base', base), { status: 1, stderr: /file-unreadable/ });
  done(t, own.webizen('app', 'init', 'visits', '--id', 'example.visits', '--name', 'Visits'));
  t.match(own.webizen('app', 'init', 'visits', '--id', 'example.visits'), { status: 1, stderr: /app-folder-taken/ });
  t.match(done(t, own.webizen('app', 'check', 'visits')), 'OK: example.visits 1.0.0');
  t.match(own.webizen('app', 'sign', 'visits'), { status: 1, stderr: /app-not-built/ });

  done(t, own.webizen('app', 'build', 'visits', '--base', base));
  const first = await bytesBelow(own.at('visits', '.webizen'));
  await cp(own.at('visits'), own.at('copy'), { recursive: true });
  done(t, own.webizen('app', 'build', 'copy', '--base', base));
  t.same(await bytesBelow(own.at('copy', '.webizen')), first, 'another folder, another time, the same bytes');

  const dated = { SOURCE_DATE_EPOCH: '1790000000' };
  const release = /release ([0-9a-f]{64})/;
  const [signed, again] = ['visits', 'copy'].map((app) => done(t, own.webizenWith(dated, 'app', 'sign', app)));
  const id = release.exec(signed ?? '')?.[1];
  t.equal(release.exec(again ?? '')?.[1], id);
  const file = own.at('visits', `example.visits-1.0.0-${process.arch === 'arm64' ? 'arm64' : 'amd64'}.wza`);
  t.ok((await stat(file)).size < 64 * 1024, 'kilobytes: the base layer is left out');
  const looked = own.webizen('app', 'inspect', file);
  t.match(done(t, looked), /OK: signature and blobs are right/);
  t.match(looked.stdout, `release   ${id}`);
  t.match(looked.stdout, /asks for {2}storage: Keeps the count/);
  t.match(done(t, own.webizen('app', 'inspect', file, '--base', base)), /OK: signature, blobs and image are right/);

  done(t, own.webizen('app', 'sign', 'visits', '--whole', '--out', 'whole.wza'));
  const facts = JSON.parse(done(t, own.webizen('app', 'inspect', 'whole.wza', '--json'))) as { blobs: object[] };
  t.match(facts, { ok: true, app: 'example.visits', imageChecked: true, vouched: null, member: { id: 'acme-apps' } });
  t.match(facts.blobs, Array(4).fill({ inside: true }));
});

t.test('every fault of a manifest is said at once, in words, with its place', async (t) => {
  const own = await laptop(t);
  await mkdir(own.at('bad'));
  const manifest = {
    ...{ id: 'Visits', version: '1', name: { de: 'Besuche' }, api: '2.0', icon: 'no.png', extra: 1 },
    capabilities: [
      { capability: 'storage', reason: { en: 'x' } },
      { capability: 'storage', reason: {} },
      { capability: 'root', reason: { en: 'x' } },
    ],
    resources: { memoryMiB: 1, cpus: 0.5, pids: 32, storageMiB: 0 },
    run: { command: [], environment: { WEBIZEN_RUN: 'x', lower: 'x' } },
    health: { kind: 'http', intervalSeconds: 1, timeoutSeconds: 4 },
    terms: { en: 'None.', not_one: 'x' },
  };
  await writeFile(own.at('bad', 'webizen.json'), JSON.stringify(manifest));
  const checked = own.webizen('app', 'check', 'bad', '--json');
  t.equal(checked.status, 1);
  const { faults } = JSON.parse(checked.stdout) as { faults: { path: string; message: string }[] };
  t.same(
    faults.map(({ path: at }) => at),
    [
      ...['/api', '/capabilities/1/capability', '/capabilities/1/reason/en', '/capabilities/2/capability', '/extra'],
      ...['/health/path', '/health/timeoutSeconds', '/icon', '/id', '/name/en', '/resources/memoryMiB'],
      ...['/resources/storageMiB', '/run/command', '/run/environment/WEBIZEN_RUN', '/run/environment/lower'],
      ...['/summary', '/terms/not_one', '/version'],
    ],
  );
  t.notOk(
    faults.some(({ message }) => /pattern|anyOf|\^/.test(message)),
    'no expression is shown',
  );
  t.match(own.webizen('app', 'check', 'bad').stdout, /has 18 faults:[\s\S]*\/id must be a reverse-domain name/);
  t.match(own.webizen('app', 'build', 'bad', '--base', base), { status: 1, stderr: /manifest-faulty[\s\S]*\/summary/ });
  await writeFile(own.at('bad', 'webizen.json'), '{ "id": ');
  t.match(own.webizen('app', 'check', 'bad'), { status: 1, stdout: /JSON/ });
});

t.test('an archive that was changed anywhere is refused', async (t) => {
  const own = await memberLaptop(t);
  const archive = await readFile(signedApp(t, own));
  const text = archive.toString('latin1');
  const blob = text.lastIndexOf('blobs/sha256/');
  const places = {
    'the signed release': text.indexOf('.', 512) + 40,
    'its signature': text.indexOf('.', text.indexOf('.', 512) + 1) + 9,
    'a header of the tar': text.indexOf('oci-layout') + 3,
    'a size in a header': blob + 130,
    'the content of a blob': blob + 600,
    'what follows the last file': archive.length - 3,
  };
  for (const [name, at] of Object.entries(places)) {
    const changed = Buffer.from(archive);
    changed[at] = (changed[at] ?? 0) ^ 0x01;
    await writeFile(own.at('changed.wza'), changed);
    t.match(own.webizen('app', 'inspect', 'changed.wza'), { status: 1, stderr: /^webizen: (archive|release)-/ }, name);
  }
  await writeFile(own.at('short.wza'), archive.subarray(0, archive.length - 700));
  t.match(own.webizen('app', 'inspect', 'short.wza'), { status: 1, stderr: /archive-truncated/ });
});

t.test(
  'an image that podman built is packed as it is, and one that cannot be used is refused with its reason',
  async (t) => {
    const own = await memberLaptop(t);
    const store = ['--root', own.at('root'), '--runroot', own.at('runroot'), '--tmpdir', own.at('libpod')];
    const quiet = ['--storage-driver', 'vfs', '--events-backend', 'none', '--cgroup-manager', 'cgroupfs'];
    const podman = (...args: string[]) =>
      execFileSync('podman', [...store, ...quiet, '--log-level', 'error', ...args], { cwd: own.folder, stdio: 'pipe' });
    await mkdir(own.at('files', 'app'), { recursive: true });
    await writeFile(own.at('files', 'app', 'main'), '#!/bin/true\n');
    execFileSync('tar', ['-C', own.at('files'), '-cf', own.at('files.tar'), '.']);
    podman('import', 'files.tar', 'localhost/visits:1');
    podman('save', '--format', 'oci-archive', '--output', 'image.tar', 'localhost/visits:1');
    done(t, own.webizen('app', 'init', 'visits', '--id', 'example.visits'));
    const manifest = JSON.parse(await readFile(own.at('visits', 'webizen.json'), 'utf8')) as { run: object };
    manifest.run = { command: ['/app/main'] };
    await writeFile(own.at('visits', 'webizen.json'), JSON.stringify(manifest));

    const build = ['app', 'build', 'visits', '--oci'];
    t.match(done(t, own.webizen(...build, 'image.tar')), /^image sha256:/m);
    done(t, own.webizen('app', 'sign', 'visits', '--out', 'visits.wza'));
    t.match(done(t, own.webizen('app', 'inspect', 'visits.wza')), /OK: signature, blobs and image are right/);
    t.notOk((await readFile(own.at('visits.wza'))).includes('localhost/visits'), 'its name on the laptop stays there');

    const other = process.arch === 'arm64' ? 'amd64' : 'arm64';
    t.match(own.webizen(...build, 'image.tar', '--architecture', other), {
      status: 1,
      stderr: /oci-archive-invalid: .*not linux/,
    });
    t.match(own.webizen(...build, 'files.tar'), { status: 1, stderr: /oci-archive-invalid: .*index\.json/ });
    t.match(own.webizen('app', 'sign', 'visits'), { status: 1, stderr: /app-not-built/ }, 'nothing of before is left');
    const image = await readFile(own.at('image.tar'));
    await writeFile(own.at('short.tar'), image.subarray(0, image.length - 4096));
    t.match(own.webizen(...build, 'short.tar'), { status: 1, stderr: /oci-archive-invalid/ });
    const layer = image.indexOf('blobs/sha256/', image.indexOf('blobs/sha256/') + 512);
    image[layer + 600] = (image[layer + 600] ?? 0) ^ 1;
    await writeFile(own.at('changed.tar'), image);
    t.match(own.webizen(...build, 'changed.tar'), { status: 1, stderr: /oci-archive-invalid/ });
  },
);

t.test('whatever a manifest says, it is sound or its faults are told in words', async (t) => {
  const folder = await ownFolder(t);
  const template = JSON.parse(await readFile('sdk/templates/node/webizen.json', 'utf8')) as Record<string, unknown>;
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...Object.keys(template), 'icon'), fc.jsonValue(), async (field, value) => {
      await writeFile(path.join(folder, 'webizen.json'), JSON.stringify({ ...template, [field]: value }));
      const read = await readManifest(folder);
      if (read.ok) return;
      const unsaid = read.faults.filter((fault) => !/^\/|^$/.test(fault.path) || fault.message === '');
      if (read.faults.length === 0 || unsaid.length > 0) throw new Error(JSON.stringify(read.faults));
    }),
    { numRuns: 200 },
  );
  t.pass('none was taken for another');
});

t.test('whatever happened to an OCI archive, it holds the same image or is refused', async (t) => {
  const folder = await ownFolder(t);
  const blobs = path.join(folder, 'blobs');
  await mkdir(blobs);
  const app = await someApp(folder, { key: newPrivateKey() });
  const whole = await collect(imageTar(app.release, app.fileOf));
  const file = path.join(folder, 'image.tar');
  await fc.assert(
    fc.asyncProperty(
      fc.nat(whole.length - 1),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      async (at, mask, cut) => {
        const bytes = Buffer.from(cut ? whole.subarray(0, at) : whole);
        if (!cut) bytes[at] = (bytes[at] ?? 0) ^ mask;
        await writeFile(file, bytes);
        const read = await readOciArchive(file, { directory: blobs }).catch((error: unknown) => {
          if (error instanceof Refusal && error.code === 'oci-archive-invalid') return undefined;
          throw error;
        });
        if (read && JSON.stringify(read.blobs) !== JSON.stringify(app.release.blobs)) throw new Error('another image');
      },
    ),
    { numRuns: 200 },
  );
  await writeFile(file, whole);
  t.match(await readOciArchive(file, { directory: blobs }), { image: app.release.image });
  t.notOk(
    (await readdir(blobs)).some((name) => name.startsWith('oci-')),
    'nothing lies about',
  );
});

t.test('the skeleton works on the API of a box, and answers when it is asked for its health', async (t) => {
  const own = await laptop(t);
  done(t, own.webizen('app', 'init', 'visits', '--id', 'example.visits'));
  const box = await startApiBox([{ id: 'example.visits', grants: ['storage'], quotaBytes: 1024 }]);
  t.teardown(() => box.stop());
  const run = await ownFolder(t);
  const env = { WEBIZEN_SOCKET: box.socket('example.visits'), WEBIZEN_RUN: run };
  for (const count of [1, 2]) {
    const app = spawn(process.execPath, [own.at('visits', 'app', 'main.mjs')], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    t.teardown(() => app.kill('SIGKILL'));
    const gone = once(app, 'exit');
    const said: string[] = [];
    for await (const line of createInterface({ input: app.stdout })) {
      said.push(line);
      if (line !== 'event: hello') continue;
      t.equal((await call(path.join(run, 'health.sock'), 'GET', '/health')).status, 204);
      app.kill('SIGTERM');
    }
    t.same(await gone, [0, null]);
    t.same([said[0], said.at(-1)], [`started ${count} times`, 'stopped']);
  }
});
