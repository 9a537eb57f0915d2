/** SIGKILL on the way from a code to an ended link: what the ledger says and what is kept are never two things. */
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import { verifyLedger } from '#contract/ledger-chain.js';
import type { LinksStatement } from '#contract/links.js';
import { fileRunner } from '../support/file-runner.js';
import { ownFolder } from '../support/folder.js';
import { catalogueOf } from '../support/install-child.js';
import { installingBox, testRelease, testSigner, testTerritory } from '../support/installing.js';
import { killedLink, type LinksPlan } from '../support/links-child.js';

const child = path.resolve('build/test/support/links-child.js');
const pemOf = () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { privateKey, pem: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString() };
};

t.test('killed anywhere between a code and the end of a link', async (t) => {
  const folder = await ownFolder(t);
  const territory = await testTerritory({ now: systemClock.now() });
  const [owner, member] = [pemOf(), pemOf()];
  const { signer, jwk } = await testSigner(owner.privateKey);
  const acme = await territory.member('acme', { key: member.privateKey });
  const status = await territory.lists(1);
  const made = await testRelease(path.join(folder, 'release'), {
    ...{ by: acme, territory: 'north', status },
    manifest: { id: 'acme.visits' },
  });
  const plan: LinksPlan = {
    ...{ action: 'install', app: 'acme.visits', release: made.id, version: '1.0.0', grants: ['storage'] },
    ...{ ownerKey: owner.pem, memberKey: member.pem, member: 'acme', credential: acme.credential, status },
    ...{ keys: territory.keys, archive: '', entries: [made.entry()], told: path.join(folder, 'told.jsonl') },
    blobs: Object.fromEntries(made.release.blobs.map(({ digest }) => [digest, made.fileOf(digest)])),
  };

  const open = (place: string, said: LinksStatement[]) =>
    installingBox({
      ...{ folder: place, clock: systemClock, keys: () => plan.keys, catalogue: catalogueOf(plan) },
      runner: fileRunner(place),
      async say(statement) {
        said.push(statement);
        return { sequence: statement.sequence, ask: null, ended: [], offers: [] };
      },
    });
  const first = path.join(folder, 'first');
  await mkdir(first, { recursive: true });
  await writeFile(path.join(first, 'plan.json'), JSON.stringify(plan));
  const fresh = await open(first, []);
  await fresh.ledger.appendKey(jwk, 'owner.set', signer);
  await fresh.close();

  async function run(name: string, cut: number): Promise<{ place: string; events: string[]; signal: unknown }> {
    const place = path.join(folder, name);
    await cp(first, place, { recursive: true });
    const box = spawn(process.execPath, [child, place, String(cut)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [[, signal], said] = await Promise.all([once(box, 'exit'), text(box.stdout)]);
    return { place, events: said.trim().split('\n'), signal };
  }

  async function holds(place: string, name: string): Promise<void> {
    const said: LinksStatement[] = [];
    const box = await open(place, said);
    for (const { id, endedAt } of box.changes.list()) if (endedAt === null) await box.changes.ended(id);
    await box.links.idle();
    const exported = await box.ledger.export();
    const types = exported.entries.map(({ type }) => type);
    const isThere = types.includes('link.confirmed') && !types.includes('link.ended');
    const isManager = isThere && types.includes('manager.appointed') && !types.includes('manager.dismissed');
    const { links, told } = box.links.view();
    t.match(verifyLedger(exported), { ok: true }, name);
    t.equal(links.length, isThere ? 1 : 0, `${name}: linked as the ledger says`);
    t.equal(links[0]?.manager !== undefined && links[0].manager !== null, isManager, `${name}: managed as it says`);
    t.same(
      said.at(-1)?.links.map(({ id }) => id),
      isThere ? [killedLink] : [],
      `${name}: and the provider is told`,
    );
    t.equal(told, true);
    const isInstalled = types.lastIndexOf('app.installed') > types.lastIndexOf('app.not-installed');
    t.equal(box.desk.show('acme.visits') !== undefined, isInstalled, `${name}: installed as the ledger says`);
    t.equal(box.grants.allows('acme.visits', 'storage'), isInstalled);
    if (isInstalled) t.ok(types.includes('manager.agreed'), `${name}: by whom, stands there`);
    await box.close();
  }

  const whole = await run('whole', 0);
  t.equal(whole.signal, null);
  await holds(whole.place, 'not killed');
  // Each kind of event where it comes first, and where it comes last.
  const { events } = whole;
  const cuts = new Set(events.flatMap((name) => [events.indexOf(name) + 1, events.lastIndexOf(name) + 1]));
  t.ok(cuts.size > 10, `${cuts.size} of ${events.length} events`);
  for (const cut of cuts) {
    const { place, signal } = await run(`cut-${cut}`, cut);
    const name = `${cut}: ${events[cut - 1]}`;
    if (signal === null) continue; // the order of what goes side by side is not always the same
    t.equal(signal, 'SIGKILL', name);
    await holds(place, name);
  }
});
