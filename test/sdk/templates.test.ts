/** The skeletons and the examples, in each language: on a simulated box, and as images in podman. */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { promisify } from 'node:util';
import t, { type Test } from 'tap';
import { blobFile, imageTar } from '#common/archive/layout.js';
import type { Release } from '#contract/release.js';
import { startApiBox } from '../support/api-box.js';
import { type Bench, devBench } from '../support/dev.js';
import { testPodman } from '../support/podman.js';
import { printed, testRunner } from '../support/runtime.js';
import { packedBase } from '../support/var.js';

const run = promisify(execFile);
const languages = ['node', 'typescript', 'python', 'shell'] as const;

/** Made of the template, and compiled where that has to be. */
async function made(t: Test, bench: Bench, language: string): Promise<string> {
  const id = `example.${language}`;
  t.equal(bench.webizen('app', 'init', language, '--id', id, '--template', language).status, 0);
  const readme = await readFile(bench.at(language, 'README.md'), 'utf8');
  t.ok(readme.startsWith(`# ${language}`) && readme.includes(id));
  t.match(bench.webizen('app', 'check', language), { status: 0, stdout: `OK: ${id} 1.0.0` });
  if (language === 'typescript') {
    t.equal(JSON.parse(await readFile(bench.at(language, 'package.json'), 'utf8')).name, id);
    symlinkSync(path.resolve('node_modules'), bench.at(language, 'node_modules')); // as npm install leaves it
    // What the test runner adds to every child's options, the compiler does not bear.
    const plain = ['-u', 'NODE_OPTIONS', 'npm', 'run'];
    for (const script of ['check', 'build']) await run('env', [...plain, script], { cwd: bench.at(language) });
  }
  return id;
}

for (const language of languages)
  t.test(`${language}: the skeleton is well on a simulated box`, async (t) => {
    const bench = await devBench(t);
    await made(t, bench, language);
    for (const [sandbox, times] of [
      ['bubblewrap', 1],
      ['none', 2],
    ] as const) {
      const once = bench.webizen('app', 'dev', language, '--once', '--sandbox', sandbox);
      t.equal(once.status, 0, once.stderr);
      t.match(once.stdout, new RegExp(`^started ${times} times$`, 'm'));
      t.match(once.stdout, /0 failed/);
    }
  });

t.test('the tour is the same in each language', async (t) => {
  const bench = await devBench(t);
  await made(t, bench, 'node');
  const file = bench.at('node/webizen.json');
  const manifest = JSON.parse(await readFile(file, 'utf8'));
  const capabilities = ['storage', 'notify', 'network.egress:api.example.com:8080'];
  manifest.capabilities = capabilities.map((capability) => ({ capability, reason: { en: 'For the tour.' } }));
  await writeFile(file, JSON.stringify(manifest));
  const server = createServer((request, reply) => void reply.end(`${request.method} ${request.url} of a server\n`));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : '';
  const dev = bench.dev('node', '--reach', `api.example.com=127.0.0.1:${port}`);
  const socket = (await dev.line(/^webizen: socket/)).split(/\s+/)[2] ?? '';
  await dev.line(/runs, and is healthy/);
  const tours: [string, string[]][] = [
    [process.execPath, ['build/examples/tour.js']],
    ['python3', ['-B', 'sdk/examples/tour/main.py']],
    ['sh', ['sdk/examples/tour/main.sh', 'sdk/client/webizen.sh']],
  ];
  for (const [at, [program, words]] of tours.entries()) {
    const env = {
      PATH: process.env.PATH ?? '',
      WEBIZEN_SOCKET: socket,
      PYTHONPATH: 'sdk/client',
      TMPDIR: bench.folder,
    };
    const { stdout } = await run(program, words, { env, timeout: 60_000 });
    t.equal(stdout, `tours: ${at + 1}\ntold the owner\npage: GET / of a server\nevent: hello\n`, words.join(' '));
  }
  const refused = bench.webizen('app', 'dev', 'fault', 'grant', 'on', 'node');
  t.equal(refused.status, 0);
  for (const [program, words] of tours) {
    const env = {
      PATH: process.env.PATH ?? '',
      WEBIZEN_SOCKET: socket,
      PYTHONPATH: 'sdk/client',
      TMPDIR: bench.folder,
    };
    await t.rejects(run(program, words, { env, timeout: 60_000 }), { code: 1, stderr: /grant|permission/ }, program);
  }
});

/** A program with its libraries, at the same places. */
function copyProgram(root: string, program: string, place = program): void {
  const told = execFileSync('ldd', [program], { encoding: 'utf8' });
  const libraries = [...told.matchAll(/(\/\S+) \(/g)].map(([, file]) => file ?? '');
  for (const [from, to] of [[program, place], ...libraries.map((file) => [file, file])] as [string, string][]) {
    const inside = path.join(root, to);
    mkdirSync(path.dirname(inside), { recursive: true });
    if (!existsSync(inside)) cpSync(realpathSync(from), inside);
  }
}

/** What `docker export` or debootstrap would leave, and no more of it than the skeleton needs. */
function rootFor(language: string, root: string): void {
  if (language === 'shell') {
    mkdirSync(path.join(root, 'bin'), { recursive: true });
    cpSync('/bin/busybox', path.join(root, 'bin/busybox'));
    for (const name of ['sh', 'sed', 'tr', 'sleep', 'cat', 'dirname', 'kill'])
      symlinkSync('busybox', path.join(root, 'bin', name));
    copyProgram(root, '/usr/bin/curl');
    return;
  }
  const python = realpathSync('/usr/bin/python3');
  copyProgram(root, python, '/usr/bin/python3');
  const library = path.join('/usr/lib', path.basename(python));
  const large = /\/(test|idlelib|tkinter|lib2to3|ensurepip|config-[^/]*|__pycache__|dist-packages|pydoc_data)(\/|$)/;
  cpSync(library, path.join(root, library), {
    recursive: true,
    dereference: true,
    filter: (file) => !large.test(file),
  });
}

t.test('the skeletons run as images on a base of one’s own', async (t) => {
  const podman = await testPodman(t);
  const api = await startApiBox([]);
  t.teardown(() => api.stop());
  const bench = await devBench(t);
  const box = await testRunner(t, podman);
  for (const language of languages) {
    const id = await made(t, bench, language);
    const base = bench.at(`base-${language}`);
    if (language === 'python' || language === 'shell') {
      rootFor(language, bench.at(`root-${language}`));
      const packed = bench.webizen('app', 'base', '--from-folder', `root-${language}`, '--out', `base-${language}`);
      t.match(packed, { status: 0, stdout: /bytes, root-/ }, packed.stderr);
    } else cpSync(await packedBase(t), base, { recursive: true });
    const built = bench.webizen('app', 'build', language, '--base', base);
    t.equal(built.status, 0, built.stderr);
    const { image, blobs, manifest } = JSON.parse(readFileSync(bench.at(language, '.webizen/build.json'), 'utf8'));
    const fileOf = (digest: string) => bench.at(language, '.webizen/blobs', blobFile(digest));
    const config = blobs[1].digest;
    await box.runner.load({ digest: image.digest, config }, () => imageTar({ image, blobs } as Release, fileOf));
    await api.grants.set(id, { give: [{ capability: 'storage' }], take: [] });
    const socketDirectory = await api.api.open({ id, quotaBytes: 1024 ** 2 });
    const release = '1'.repeat(64);
    await box.runner.start({ id, release, image: image.digest, manifest, socketDirectory });
    if (manifest.health.kind === 'ready') {
      await printed(box, id, 'started 1 times');
      while (!api.ready.includes(id)) await new Promise((resolve) => setTimeout(resolve, 50)); // no event tells
      box.runner.ready(id);
    }
    await box.runner.settled(id, AbortSignal.timeout(120_000));
    await printed(box, id, 'started 1 times');
    await box.runner.remove(id);
  }
  const dev = bench.dev('node', '--podman', podman.socketPath);
  await dev.line(/^started 1 times$/);
  await dev.line(/runs, and is healthy/);
  t.match(dev.text(), /sandbox {3}podman\n/);
  const from = dev.mark();
  await appendFile(bench.at('node/app/main.mjs'), '// changed\n');
  t.equal(bench.webizen('app', 'build', 'node', '--base', 'base-node').status, 0);
  await dev.line(/^started 2 times$/, from);
  await dev.line(/runs, and is healthy/, from);
  t.equal(bench.webizen('app', 'dev', 'fault', 'kill', 'node').status, 0);
  await dev.line(/is started again in a moment: app-crashed/, from);
  await dev.line(/^started 3 times$/, from);
  t.equal(await dev.end(), 0);
  t.same(await bench.remains(), []);
  t.equal(podman.run('ps', '--all', '--quiet'), '');

  const nothing = bench.webizen('app', 'base', '--from-folder', 'no-such-folder', '--out', 'x');
  t.match(nothing, { status: 1, stderr: /base-invalid/ });
  t.match(bench.webizen('app', 'base', '--out', 'x'), { status: 2, stderr: /--node.*--from-folder/ });
  t.ok(readdirSync(bench.folder).length > 0);
});
