/**
 * From the owner's yes to a healthy app: an offer whose bytes are here is verified, loaded, started and passes its health
 * check, with each step durable. Against bare `podman load` and `podman run` of the same image on the same kind of store.
 */
import { spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Type } from 'typebox';
import { writeArchive } from '#common/archive/archive.js';
import { blobFile, imageTar } from '#common/archive/layout.js';
import { folder, packFiles, packImage } from '#common/archive/pack.js';
import { signRelease } from '#common/archive/release.js';
import { systemClock } from '#common/clock.js';
import { parseJson } from '#contract/parse.js';
import { architecture, releaseOf, someManifest } from '../support/archive.js';
import { installingBox, testCatalogue, testSigner, testTerritory } from '../support/installing.js';
import { testPodman } from '../support/podman.js';
import { small, testRunner } from '../support/runtime.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';
import type { Workshop } from './workshop.js';

const app = 'example.bench';
const command = ['/bin/busybox', 'sleep', '1000000'];
const Needs = Type.Object({ parts: Type.Object({ podman: Type.Object({ works: Type.Array(Type.String()) }) }) });

async function podmanWorks(): Promise<boolean> {
  const needs = parseJson(Needs, await readFile('test/needs.json', 'utf8'));
  if (!needs.ok) throw new Error('test/needs.json does not say when podman works');
  const [program = '', ...args] = needs.value.parts.podman.works;
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

async function timed(work: () => unknown): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

export async function install(workshop: Workshop, { short, say }: Conditions): Promise<Figure[]> {
  if (!(await podmanWorks())) {
    say('install: left out, podman does not work here');
    return [];
  }
  const directory = await workshop.folder();
  const shell = { name: 'bin/busybox', mode: 0o755, content: { file: '/bin/busybox' } };
  const layers = [await packFiles([folder('bin'), shell], directory)];
  const made = await packImage({ architecture, layers, directory });
  const fileOf = (digest: string) => path.join(directory, blobFile(digest));

  const territory = await testTerritory({ now: Date.now() });
  const maker = await territory.member('example-soft');
  const manifest = someManifest({
    ...{ id: app, capabilities: [], resources: small, run: { command } },
    health: { kind: 'command', command: ['/bin/busybox', 'true'], graceSeconds: 300, timeoutSeconds: 60 },
  });
  const { jws, id } = await signRelease({
    release: releaseOf(made, { manifest, member: maker.id, territory: territory.id }),
    key: maker.key,
  });
  const release = releaseOf(made, { manifest });
  const status = await territory.lists(1);
  const blobs = made.blobs.map((blob) => ({ ...blob, file: fileOf(blob.digest) }));
  const archive = () => writeArchive({ release: jws, credential: maker.credential, status, blobs });
  const tar = path.join(directory, 'image.tar');
  await pipeline(imageTar(release, fileOf), createWriteStream(tar));

  const podman = await testPodman(workshop);
  const { runner } = await testRunner(workshop, podman);
  const data = path.join(directory, 'box');
  await mkdir(data);
  const box = await installingBox({
    ...{ folder: data, clock: systemClock, runner, catalogue: testCatalogue().catalogue },
    keys: () => territory.keys,
  });
  workshop.teardown(() => box.close());
  const { signer, jwk } = await testSigner();
  await box.ledger.appendKey(jwk, 'owner.set', signer);

  async function done(change: string): Promise<void> {
    const { state, problem } = await box.changes.ended(change);
    if (state !== 'done') throw new Error(`the app is not installed: ${JSON.stringify(problem)}`);
  }

  async function ours(): Promise<number> {
    await box.desk.offerFile(archive());
    const taken = await timed(async () =>
      done(await box.desk.decide({ release: id, grants: [], termsAccepted: true }, signer)),
    );
    await done(await box.desk.remove(app, signer));
    await box.idle();
    podman.run('rmi', '--all', '--force');
    return taken;
  }

  const image = blobs[1]!.digest.replace('sha256:', '');
  const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1024:1024'];
  async function bare(): Promise<number> {
    const taken = await timed(() => {
      podman.run('load', '--input', tar);
      podman.run('run', '--detach', '--name', 'bare', '--network', 'none', ...limits, image, ...command);
    });
    podman.run('rm', '--force', '--time', '0', 'bare');
    podman.run('rmi', '--all', '--force');
    return taken;
  }

  try {
    await bare(); // the first makes the store
  } catch (error) {
    say(`install: left out, podman runs no container here: ${String(error)}`);
    return [];
  }
  const pair = await inTurns(short ? 1 : 7, ours, bare);
  return [figure('install', 'ms', pair)];
}
