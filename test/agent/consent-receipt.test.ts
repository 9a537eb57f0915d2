/** What an owner agreed to, as a receipt that proves itself without the box. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { ConsentReceipt, verifyConsentReceipt } from '#contract/consent-receipt.js';
import { LedgerExport } from '#contract/ledger.js';
import { parseJson } from '#contract/parse.js';
import { consentReceiptOf } from '../../agent/owner/consent-receipt.js';
import { createAppsDesk, installedOf } from '../support/apps-desk.js';
import { ownFolder } from '../support/folder.js';
import { installingBox, testCatalogue, testRelease, testSigner, testTerritory } from '../support/installing.js';
import { createManualClock } from '../support/manual-clock.js';
import { startOwnerConsole } from '../support/owner-console.js';
import { askOwner, setUpOwner } from '../support/owner-session.js';
import { runCommand } from '../support/provider.js';

const id = 'example.visits';
const day = 86_400_000;
const storage = { capability: 'storage' as const, reason: { en: 'to keep the count' } };
const health = { capability: 'health.read' as const, reason: { en: 'to show it' }, optional: true };
const notify = { capability: 'notify' as const, reason: { en: 'to tell you' }, optional: true };

async function installed(t: Test) {
  const folder = await ownFolder(t);
  const clock = createManualClock();
  const territory = await testTerritory({ now: clock.now() });
  const maker = await territory.member('example-soft');
  const shelf = testCatalogue();
  const { signer, jwk } = await testSigner();
  const made = await testRelease(path.join(folder, 'release'), {
    ...{ by: maker, territory: 'north', status: await territory.lists(5) },
    manifest: { id, version: '1.0.0', capabilities: [storage, health, notify] },
  });
  shelf.publish(made);
  const box = await installingBox({ folder, clock, keys: () => territory.keys, catalogue: shelf.catalogue });
  t.teardown(() => box.close());
  await box.ledger.appendKey(jwk, 'owner.set', signer);
  async function agree(grants: { capability: 'storage' | 'health.read' | 'notify'; until?: number }[]): Promise<void> {
    await box.desk.offer(made.id);
    const change = await box.desk.decide({ release: made.id, grants, termsAccepted: true }, signer);
    t.match(await box.changes.ended(change), { state: 'done' });
  }
  async function receipt(): Promise<ConsentReceipt> {
    const app = box.desk.show(id);
    if (!app) throw new Error('it is not installed');
    return consentReceiptOf({ app, ledger: await box.ledger.export(), at: clock.now() });
  }
  return { folder, clock, box, signer, made, agree, receipt };
}

const bytesOf = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

t.test('who asked, what for, since when and until when, with the entries that the owner signed', async (t) => {
  const { box, clock, signer, made, agree, receipt } = await installed(t);
  const until = clock.now() + day;
  await agree([{ capability: 'storage' }, { capability: 'health.read', until }, { capability: 'notify' }]);
  await box.grants.set(id, { give: [], take: ['notify'] }, signer);
  const now = await receipt();
  t.match(now, {
    pii_processing: {
      service: { app: id, release: made.id, version: '1.0.0' },
      purposes: [
        { permission: 'storage', purpose: storage.reason, state: 'given', until: null },
        { permission: 'health.read', purpose: health.reason, state: 'given', until },
        { permission: 'notify', purpose: notify.reason, state: 'withdrawn' },
      ],
    },
    party_identification: [
      { party_id: 'urn:webizen:member:north:example-soft', party_name: 'Example Software', territory: 'north' },
    ],
    events: [{ event_type: 'app.agreed' }, {}, {}, {}, { event_type: 'grant.taken', event_state: 'withdrawn' }],
  });
  t.equal(now.pii_processing.privacy_notice.agreed, now.events[0]?.entry, 'the terms are those that were agreed to');
  const whole = await box.ledger.export();
  t.same(verifyConsentReceipt(bytesOf(now), whole), { ok: true, signed: 5 });

  const ended = new Promise<void>((resolve) => {
    box.ledger.onAppend(({ type }) => type === 'grant.ended' && resolve());
  });
  await clock.pass(2 * day);
  await ended;
  const later = await receipt();
  t.match(later.pii_processing.purposes[1], { permission: 'health.read', state: 'expired', until });
  t.match(verifyConsentReceipt(bytesOf(later), await box.ledger.export()), { ok: true, signed: 5 });

  await box.changes.ended(await box.desk.remove(id, signer));
  await agree([{ capability: 'storage' }]);
  const again = await receipt();
  t.match(again.pii_processing.purposes, [{ permission: 'storage', state: 'given' }]);
  t.equal(again.pii_processing.purposes.length, 1, 'what was agreed to before the removal is another consent');
  t.not(again.record.record_id, now.record.record_id);
  t.match(verifyConsentReceipt(bytesOf(again), await box.ledger.export()), { ok: true, signed: 2 });
});

t.test('what is altered, left out or from another ledger does not verify', async (t) => {
  const { box, signer, agree, receipt, folder } = await installed(t);
  await agree([{ capability: 'storage' }, { capability: 'notify' }]);
  await box.grants.set(id, { give: [], take: ['notify'] }, signer);
  const right = await receipt();
  const whole = await box.ledger.export();
  const altered = (change: (copy: ConsentReceipt) => void) => {
    const copy = structuredClone(right);
    change(copy);
    return verifyConsentReceipt(bytesOf(copy), whole);
  };
  const refused: Record<string, (copy: ConsentReceipt) => void> = {
    'the permissions do not follow from the entries': (copy) => {
      for (const one of copy.pii_processing.purposes) one.state = 'given';
    },
    'the terms were altered': (copy) => {
      copy.pii_processing.privacy_notice.terms = { en: 'You agree to everything.' };
    },
    'the events are not those of the entries': (copy) => void copy.events.pop(),
    'is not signed': (copy) => {
      for (const entry of copy.evidence.entries) delete entry.signature;
    },
    'it was altered': (copy) => {
      for (const entry of copy.evidence.entries) entry.at += 1;
    },
    'does not belong here': (copy) => {
      copy.pii_processing.service.app = 'example.other';
    },
  };
  for (const [why, change] of Object.entries(refused)) {
    const verdict = altered(change);
    t.notOk(verdict.ok);
    t.match(verdict, { why: new RegExp(why) });
  }
  t.match(verifyConsentReceipt(bytesOf(right), { ...whole, entries: [] }), { ok: false, why: /not in that ledger/ });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !verifyConsentReceipt(bytes).ok),
    { numRuns: 100 },
  );
  const text = JSON.stringify(right);
  const values = [...text.matchAll(/(?<=:)(?:"[^"]*"|[0-9]+|null)/g)];
  fc.assert(
    fc.property(fc.constantFrom(...values), fc.jsonValue(), ({ index, 0: value }, other) => {
      const bent = text.slice(0, index) + JSON.stringify(other) + text.slice(index + value.length);
      const verdict = verifyConsentReceipt(Buffer.from(bent), whole);
      return typeof verdict.ok === 'boolean'; // it says so, and does not throw
    }),
  );

  const file = path.join(folder, 'consent.json');
  const ledger = path.join(folder, 'ledger.json');
  await writeFile(file, JSON.stringify(right));
  await writeFile(ledger, JSON.stringify(whole));
  const run = (...more: string[]) => runCommand('webizen', ['ledger', 'receipt', file, ...more]);
  t.match(await run('--ledger', ledger), { status: 0, stdout: /^OK: 4 entries signed by the owner, and stand/ });
  await writeFile(file, JSON.stringify(right).replace('"withdrawn"', '"given"'));
  t.match(await run(), { status: 1, stdout: /^broken: the permissions do not follow/ });
});

t.test('the owner takes it from the console, and it is proved by the ledger that they export there', async (t) => {
  const apps = createAppsDesk();
  const { port, ledger, ...served } = await startOwnerConsole(t, { apps });
  const cookie = await setUpOwner({ port, ...served });
  const ask = (at: string) => askOwner(port, at, { cookie });
  t.equal((await ask(`/v1/apps/${id}/receipt`)).code, 'app-not-installed');
  apps.put(installedOf());
  await ledger.append({ by: 'box', type: 'grant.given', facts: { app: id, capability: 'storage' } });
  await ledger.append({ by: 'box', type: 'grant.given', facts: { app: 'example.other', capability: 'storage' } });
  const { text, headers } = await ask(`/v1/apps/${id}/receipt`);
  t.equal(headers['content-disposition'], `attachment; filename="${id}-consent.json"`);
  const whole = parseJson(LedgerExport, Buffer.from((await ask('/v1/ledger/export')).text));
  if (!whole.ok) throw new Error('the ledger is none');
  t.same(verifyConsentReceipt(Buffer.from(text), whole.value), { ok: true, signed: 0 });
  const read = parseJson(ConsentReceipt, Buffer.from(text));
  t.ok(read.ok && read.value.pii_processing.purposes.length === 1, 'of this app alone');
});
