/** The provider is killed with SIGKILL while a member uploads and publishes: what it acknowledged is there, and whole. */
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t from 'tap';
import { callControl } from '#common/control.js';
import { openStore } from '../../provisioning/store/store.js';
import { controlSocket } from '../../provisioning/territory.js';
import type { SomeApp } from '../support/archive.js';
import { admitted, anApp, type MemberClient, publish, upload, uploadAll } from '../support/catalogue.js';
import { testProvider } from '../support/provider.js';
import { kills as asked, randomFrom, seed } from '../support/random.js';

const kills = Math.max(6, Math.ceil(asked / 3));
console.log(`# seed ${seed} (SEED=${seed} KILLS=${asked} repeats it)`);
t.setTimeout(60_000 + kills * 10_000);

t.test(`killed ${kills} times, the catalogue has what it acknowledged, and a wrong blob never`, async (t) => {
  const random = randomFrom(seed);
  const provider = await testProvider(t, { provider: {} });
  const blobs = path.join(provider.directory, 'catalogue/blobs');
  const ask = (operation: string, parameters: unknown) =>
    callControl(controlSocket(provider.directory), operation, parameters);
  const origin = {
    url: new URL(provider.est),
    ca: await readFile(path.join(provider.directory, 'ca/root.crt'), 'utf8'),
  };

  const keptBlobs = new Set<string>();
  const keptReleases = new Set<string>();
  let member: MemberClient | undefined;
  let app: SomeApp | undefined;
  let count = 0;

  const next = (who: MemberClient): Promise<SomeApp> =>
    anApp(
      t,
      who,
      { id: `example.n${count++}` },
      { text: randomBytes(100_000).toString('base64'), more: { territory: 'test' } },
    );

  /** Until the provider is gone. */
  async function work(who: MemberClient): Promise<void> {
    for (;;) {
      app ??= await next(who);
      for (const { digest } of app.release.blobs) {
        const reply = await upload(who, digest, await readFile(app.fileOf(digest)), 20_000);
        if (reply.status >= 300) throw new Error(`${reply.status} ${reply.body}`);
        keptBlobs.add(digest.slice(7));
      }
      const reply = await publish(who, app.jws);
      if (reply.status >= 300) throw new Error(`${reply.status} ${reply.body}`);
      keptReleases.add(app.id);
      app = undefined;
    }
  }

  for (let kill = 1; kill <= kills; kill += 1) {
    const child = await provider.spawn();
    t.teardown(() => child.kill('SIGKILL'));
    const exit = once(child, 'exit');
    member ??= await admitted({ ...origin, ask }, 'example-soft');
    let isKilled = false;
    const killed = delay(random() * 800).then(() => {
      isKilled = true;
      child.kill('SIGKILL');
    });
    await work(member).catch((error: unknown) => {
      if (!isKilled) throw error;
    });
    await killed;
    await exit;

    const wrong = [];
    const there = await readdir(blobs);
    for (const name of there)
      if (
        createHash('sha256')
          .update(await readFile(path.join(blobs, name)))
          .digest('hex') !== name
      )
        wrong.push(name);
    t.strictSame(wrong, [], `kill ${kill}: ${there.length} blobs, ${keptReleases.size} releases`);
    const store = await openStore(provider.directory);
    const lost = [];
    for (const hex of keptBlobs) if (!there.includes(hex) || !(await store.blobs.get(hex))) lost.push(hex);
    for (const id of keptReleases) {
      const text = await store.releaseTexts.get(id);
      if (!text || !(await store.releases.get(`${text.app}!${id}`))) lost.push(id);
    }
    await store.close();
    t.strictSame(lost, [], 'nothing that was acknowledged is lost');
  }

  const child = await provider.spawn();
  t.teardown(() => child.kill('SIGKILL'));
  if (!member) throw new Error('nobody was admitted');
  app ??= await next(member);
  await uploadAll(member, app);
  t.ok((await publish(member, app.jws)).status < 300, 'and what was cut is finished');
  t.strictSame(await readdir(path.join(provider.directory, 'catalogue/uploads')), []);
});
