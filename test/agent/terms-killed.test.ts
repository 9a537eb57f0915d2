/**
 * SIGKILL at each step from the first agreement to the last leaving, at the box and at its provider: nothing that was
 * agreed to is lost or doubled, nothing that was counted is lost or counted twice, and no chain of statements forks.
 */
import { spawn } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import t from 'tap';
import { plus } from '#common/decimals.js';
import { canonicalJson, hashOfText, verifyLedger } from '#contract/ledger-chain.js';
import { chainFault, endOfPeriod, periodOf, type UsageEntry } from '#contract/metering.js';
import type { StatementRow } from '../../agent/metering/book.js';
import { openStore } from '../../provisioning/store/store.js';
import { createTestCa } from '../support/certificates.js';
import { ownFolder } from '../support/folder.js';
import { newKey, testRelease, testSigner, testTerritory } from '../support/installing.js';
import { createManualClock } from '../support/manual-clock.js';
import { kills } from '../support/random.js';
import { app, day, planOf } from '../support/terms-box.js';
import { began, boxId, keys, over, type TermsPlan, type TermsRig, termsRig } from '../support/terms-child.js';

const child = path.resolve('build/test/support/terms-child.js');
/** Nothing is so old then that it is dropped. */
const monthAfter = (at: number): number => Math.min(endOfPeriod(periodOf(at)) + 3_600_000, over);
const pem = (key: ReturnType<typeof newKey>) => key.export({ format: 'pem', type: 'pkcs8' }).toString();

async function planned(folder: string): Promise<TermsPlan> {
  const territory = await testTerritory({ now: began });
  const acme = await territory.member('acme');
  const status = await territory.lists(1);
  const ca = await createTestCa();
  const { key, cert } = await ca.client(boxId);
  await ca.close();
  const plans = ['0.01', '0.02', '0.03'].map((amount) =>
    planOf({ noticeDays: 14, prices: [{ amount, currency: 'EUR', per: 'unit', unit: 'page' }] }),
  );
  const made = await Promise.all(
    plans.map((plan, at) =>
      testRelease(path.join(folder, `release-${at}`), {
        ...{ by: acme, territory: 'north', status },
        manifest: { id: app, version: `1.${at}.0`, plans: [plan] },
      }),
    ),
  );
  const blobs = made.flatMap((one) => one.release.blobs.map(({ digest }) => [digest, one.fileOf(digest)]));
  return {
    ...{ action: 'install', app, release: '', grants: [], archive: '', told: path.join(folder, 'told.jsonl') },
    ...{ ownerKey: pem(newKey()), keys: territory.keys, credential: acme.credential, status, plans },
    ...{ boxKey: key, der: new X509Certificate(cert).raw.toString('base64') },
    ...{ entries: made.map((one) => one.entry()), blobs: Object.fromEntries(blobs) },
  };
}

t.test('killed at any step between agreeing and having left, at the box and at the provider', async (t) => {
  const folder = await ownFolder(t);
  const plan = await planned(folder);
  const first = path.join(folder, 'first');
  await mkdir(first, { recursive: true });
  await writeFile(path.join(first, 'plan.json'), JSON.stringify(plan));
  const records = await openStore(path.join(first, 'provider'));
  const certificate = { serial: '', notAfter: 0, keyHash: '', der: plan.der };
  const value = { enrolledAt: began - day, claim: '', certificate };
  await records.commit([{ type: 'put', sublevel: records.boxes, key: boxId, value }]);
  await records.close();
  const fresh = await termsRig({ place: first, plan, clock: createManualClock(began) });
  const { signer, jwk } = await testSigner(createPrivateKey(plan.ownerKey));
  await fresh.box.ledger.appendKey(jwk, 'owner.set', signer);
  await fresh.close();

  async function run(name: string, cut: number) {
    const place = path.join(folder, name);
    await cp(first, place, { recursive: true });
    const box = spawn(process.execPath, [child, place, String(cut)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [[, signal], said] = await Promise.all([once(box, 'exit'), text(box.stdout)]);
    const lines = said
      .trim()
      .split('\n')
      .map((line) => {
        const [, at, what = '', more = ''] = /^(\d+) (\S+) ?(.*)$/.exec(line) ?? [];
        if (at === undefined) throw new Error(`the child said: ${line}`);
        return { at: Number(at), what, more };
      });
    return { place, lines, signal };
  }
  type Line = Awaited<ReturnType<typeof run>>['lines'][number];

  /** The box and its provider, the ledger, and what was promised: all say the same. */
  async function agrees({ box, metering, agreements, records: provider }: TermsRig, lines: Line[], name: string) {
    const promised = (what: string) => lines.flatMap((line) => (line.what === what ? [line.more] : []));
    const exported = await box.ledger.export();
    t.match(verifyLedger(exported), { ok: true }, name);
    const { now, past } = box.terms.of(app);
    const all = [...(now ? [now] : []), ...past];
    const byId = <T extends { id: string }>(some: T[]) => some.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const decided = exported.entries.flatMap(({ type, facts }) =>
      type.startsWith('terms.') ? [{ type, id: String(facts.agreement), facts }] : [],
    );
    const of = (type: string) => decided.filter((one) => one.type === type).map(({ id }) => id);
    t.same(of('terms.agreed').toSorted(), all.map(({ id }) => id).toSorted(), `${name}: the ledger has each once`);
    t.same(
      promised('agreed').filter((id) => !of('terms.agreed').includes(id)),
      [],
      `${name}: none is lost`,
    );
    const replaced = decided.flatMap(({ facts }) => (facts.replaces === undefined ? [] : [String(facts.replaces)]));
    const ended = [...of('terms.left'), ...of('terms.ended'), ...replaced];
    t.equal(new Set(ended).size, ended.length, `${name}: none ends twice`);
    t.same(ended.toSorted(), all.flatMap((one) => (one.ended ? [one.id] : [])).toSorted(), `${name}: ended as it says`);
    if (promised('left').length > 0) t.equal(now, null, `${name}: what was left stays so`);
    const seen = await agreements.list({ box: boxId, limit: 100 });
    t.same(
      byId(seen.map(({ id, since, ended: end, at, plan: its }) => ({ id, since, ended: end, at, plan: its }))),
      byId(all.map(({ id, since, ended: end, at, plan: its }) => ({ id, since, ended: end, at, plan: its }))),
      `${name}: the provider has them all, as they are`,
    );
    t.ok(
      all.every(({ told, refused }) => told && refused === null),
      `${name}: all of it was told`,
    );
    for (const endsAt of promised('noticed'))
      t.ok(
        decided.some(({ type, facts }) => type === 'terms.changed' && String(facts.endsAt) === endsAt),
        `${name}: a notice that began is in the ledger`,
      );
    const given = decided.flatMap(({ type, id, facts }) =>
      type === 'terms.changed' ? [`${id} ${facts.release}`] : [],
    );
    t.equal(new Set(given).size, given.length, `${name}: no notice is given twice`);

    const json = { valueEncoding: 'json' } as const;
    const entries = await box.store.db.sublevel<string, UsageEntry>('usage-entries', json).values().all();
    const rows = await box.store.db.sublevel<string, StatementRow>('usage-statements', json).values().all();
    const counted = entries.map(({ key }) => key);
    t.equal(new Set(counted).size, counted.length, `${name}: nothing is counted twice`);
    t.same(
      promised('counted').filter((key) => !counted.includes(key)),
      [],
      `${name}: nothing is lost`,
    );
    t.ok(
      rows.every(({ told, refused }) => told && refused === null),
      `${name}: every statement was taken`,
    );
    const stored = await provider.usage.values().all();
    t.same(
      stored.map(({ statement }) => statement),
      rows.map(({ statement }) => statement),
      `${name}: the provider has the very statements`,
    );
    for (const { id } of all) {
      const its = entries.filter(({ agreement }) => agreement === id);
      t.equal(chainFault(its, null), undefined, name);
      let last: (typeof stored)[number]['statement'] | undefined;
      for (const { statement } of stored.filter((one) => one.statement.agreement === id)) {
        t.equal(statement.number, (last?.number ?? 0) + 1, name);
        t.equal(statement.previous, last ? hashOfText(canonicalJson(last)) : null, `${name}: one chain`);
        t.equal(statement.from, (last?.to ?? 0) + 1);
        t.equal(statement.head, its[statement.to - 1]?.hash);
        t.equal(
          statement.sums[0]?.quantity,
          String(statement.to - statement.from + 1),
          `${name}: the sum of its entries`,
        );
        last = statement;
      }
      const open = its.length - (last?.to ?? 0);
      if (now?.id === id && open > 0) t.match(metering.view(app), { entries: open, sums: [{ quantity: `${open}` }] });
    }
    if (promised('limited').length > 0 && now) t.equal(metering.view(app).cap, '100', `${name}: the limit holds`);
    return { entries, stored };
  }

  async function holds(place: string, lines: Line[], name: string): Promise<void> {
    const at = lines.at(-1)?.at ?? began;
    const rig = await termsRig({ place, plan, clock: createManualClock(at) });
    const { box, metering } = rig;
    rig.publish(lines.filter(({ what }) => what === 'noticed').length + 1);
    for (const { id, endedAt } of box.changes.list()) if (endedAt === null) await box.changes.ended(id);
    await rig.idle();
    await agrees(rig, lines, name);
    // It goes on: what is sent again is counted once.
    const under = box.terms.of(app).now;
    const held = plan.plans.findIndex(({ prices }) => prices[0]?.amount === under?.plan.prices[0]?.amount);
    for (const key of keys[held as 0] ?? []) await metering.count(app, { unit: 'page', quantity: '1' }, key);
    const refusedFirst = box.refused.splice(0);
    await rig.close();
    const later = await termsRig({ place, plan, clock: createManualClock(Math.max(at, monthAfter(at))) });
    await later.idle();
    const { entries, stored } = await agrees(later, lines, `${name}, when the month is over`);
    const stated = stored.map(({ statement }) => statement.sums[0]?.quantity ?? '0').reduce(plus, '0');
    if (at < over) t.equal(stated, String(entries.length), `${name}: each is in one statement`);
    t.same([...refusedFirst, ...later.box.refused], [], name);
    await later.close();
  }

  const whole = await run('whole', 0);
  t.equal(whole.signal, null);
  await holds(whole.place, whole.lines, 'not killed');
  const steps = whole.lines.flatMap(({ what, more }) => (what === 'step' ? [more] : []));
  for (const [what, least] of [
    ['agreements', 20],
    ['usage', 10],
  ] as const)
    t.ok(steps.filter((step) => step.includes(what)).length > least, what);
  // Each kind of step where it comes first, and where it comes last; with KILLS above 20 each one.
  const every = kills > 20;
  const cuts = steps.flatMap((step, index) =>
    every || steps.indexOf(step) === index || steps.lastIndexOf(step) === index ? [index + 1] : [],
  );
  t.ok(cuts.length > 25, `${cuts.length} of ${steps.length} steps`);
  for (const cut of cuts) {
    const { place, lines, signal } = await run(`cut-${cut}`, cut);
    const name = `${cut}: ${lines.at(-1)?.more}`;
    if (signal === null) continue; // the order of what goes side by side is not always the same
    t.equal(signal, 'SIGKILL', name);
    await holds(place, lines, name);
    await rm(place, { recursive: true });
  }
});
