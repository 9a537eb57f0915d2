/** The ledger and the owner's key, and the check of an export that needs no box. */
import { createPrivateKey, randomBytes, sign, X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { createCommits } from '#common/commits.js';
import { openDatabase } from '#common/database.js';
import { files } from '#common/files.js';
import { LedgerExport } from '#contract/ledger.js';
import { type Canonical, canonicalJson, verifyLedger } from '#contract/ledger-chain.js';
import { receiptType } from '#contract/ledger-receipt.js';
import { check } from '#contract/parse.js';
import { createLedger, type Ledger } from '../../agent/consent/ledger.js';
import { createOwner, type Owner } from '../../agent/consent/owner-key.js';
import { takeReceipt } from '../../agent/consent/receipt.js';
import { createTestCa } from '../support/certificates.js';
import { ownFolder } from '../support/folder.js';
import { createManualClock, type ManualClock } from '../support/manual-clock.js';
import { runCommand } from '../support/provider.js';

interface Desk {
  folder: string;
  clock: ManualClock;
  ledger: Ledger;
  owner: Owner;
  /** As after a restart. */
  again(): Promise<Desk>;
}

async function desk(t: Test, folder?: string, clock = createManualClock()): Promise<Desk> {
  const place = folder ?? (await ownFolder(t));
  const db = await openDatabase(path.join(place, 'store'), 1);
  const { commit } = createCommits(db);
  const ledger = await createLedger({ store: { db, commit }, clock });
  const owner = await createOwner({ dataDir: place, files, clock, ledger });
  let open = true;
  const close = async () => {
    if (open) await db.close();
    open = false;
  };
  t.teardown(close);
  return {
    folder: place,
    clock,
    ledger,
    owner,
    async again() {
      await close();
      return desk(t, place, clock);
    },
  };
}

const passphrase = 'correct horse battery';
const refuses = (code: string) => ({ name: 'Refusal', code });
t.test('an entry from before the time was known says so, under the chain', async (t) => {
  const db = await openDatabase(path.join(await ownFolder(t), 'store'), 1);
  t.teardown(() => db.close());
  let isKnown = false;
  const store = { db, commit: createCommits(db).commit };
  const ledger = await createLedger({ store, clock: createManualClock(), isTimeKnown: () => isKnown });
  await ledger.append({ by: 'box', type: 'one', facts: { how: 'early' } });
  isKnown = true;
  await ledger.append({ by: 'box', type: 'two' });
  const exported = await ledger.export();
  t.same(
    exported.entries.map(({ facts }) => facts),
    [{ how: 'early', clock: 'not-set' }, {}],
  );
  t.match(verifyLedger(exported), { ok: true });
  const [first] = exported.entries;
  if (first) first.facts = { how: 'early' };
  t.match(verifyLedger(exported), { ok: false, index: 0 });
});

const verify =
  (exported: LedgerExport, ...more: string[]) =>
  async (folder: string) => {
    const file = path.join(folder, 'ledger.json');
    await writeFile(file, JSON.stringify(exported));
    return runCommand('webizen', ['ledger', 'verify', file, ...more]);
  };

t.test("entries hang together, the owner's are signed, and the export is verified by itself", async (t) => {
  const first = await desk(t);
  const { signer } = await first.owner.set({ passphrase });
  await first.ledger.append({ by: 'owner', type: 'election', facts: { territory: 'home', foreign: false } }, signer);
  const { ledger } = await first.again();
  await ledger.append({ by: 'box', type: 'enrolled', facts: { box: 'box-00000000' } });
  const exported = await ledger.export();
  t.ok(check(LedgerExport, exported).ok);
  t.match(
    exported.entries.map(({ type, signature }) => [type, signature !== undefined]),
    [
      ['owner.set', true],
      ['election', true],
      ['enrolled', false],
    ],
  );
  t.match(verifyLedger(exported), { ok: true, head: ledger.head(), signed: 2, receipt: 'none' });
  t.match(await verify(exported)(first.folder), { status: 0, stdout: /^OK: 3 entries, 2 signed by the owner, head / });
});

t.test('whatever is altered, left out, put in or cut, the check says where', async (t) => {
  const { ledger, owner, folder } = await desk(t);
  const { signer } = await owner.set({ passphrase });
  for (let count = 0; count < 4; count += 1)
    await ledger.append({ by: 'owner', type: 'election', facts: { count } }, signer);
  const exported = await ledger.export();
  const altered = (change: (copy: LedgerExport) => void): LedgerExport => {
    const copy = structuredClone(exported);
    change(copy);
    return copy;
  };
  const at = (copy: LedgerExport, index: number) => copy.entries[index]!;
  const count = (copy: LedgerExport): void => {
    at(copy, 2).facts.count = 7;
  };
  const late = (copy: LedgerExport): void => {
    at(copy, 3).at += 1;
  };
  const swapped = (copy: LedgerExport): void => {
    at(copy, 1).signature = at(copy, 2).signature ?? '';
  };
  const keyless = (copy: LedgerExport): void => {
    copy.ownerKeys = [];
  };
  for (const [index, change] of [
    [2, count],
    [3, late],
    [1, (copy: LedgerExport) => void copy.entries.splice(1, 1)],
    [2, (copy: LedgerExport) => void copy.entries.splice(2, 0, structuredClone(at(copy, 1)))],
    [1, swapped],
    [0, keyless],
    [0, (copy: LedgerExport) => void copy.entries.shift()],
  ] as const)
    t.match(verifyLedger(altered(change)), { ok: false, index });
  const told = await verify(altered(count))(folder);
  t.match(told, { status: 1, stdout: 'broken at entry 2: it was altered: its hash is another\n' });
  t.match(await verify({ format: 'webizen-ledger-1' } as LedgerExport)(folder), { status: 1, stdout: /no ledger/ });
  t.match(runCommand('webizen', ['ledger', 'verify']), { status: 2 });

  const stranger = await desk(t);
  const theirs = await stranger.owner.set({ passphrase });
  await ledger.append({ by: 'owner', type: 'grant' }, theirs.signer);
  t.match(verifyLedger(await ledger.export()), { ok: false, index: 5, why: /signed by a key that no entry before/ });
});

t.test('no byte of an export can be another', async () => {
  const { ledger, owner } = await desk(t);
  const { signer } = await owner.set({ passphrase });
  await ledger.append({ by: 'owner', type: 'election', facts: { name: 'Home', foreign: true, n: 1.5 } }, signer);
  const exported = await ledger.export();
  const text = JSON.stringify(exported.entries);
  fc.assert(
    fc.property(fc.nat(text.length - 1), fc.integer({ min: 32, max: 126 }), (place, byte) => {
      const changed = text.slice(0, place) + String.fromCharCode(byte) + text.slice(place + 1);
      if (changed === text) return true;
      let entries: unknown;
      try {
        entries = JSON.parse(changed);
      } catch {
        return true;
      }
      const read = check(LedgerExport, { ...exported, entries });
      if (!read.ok || JSON.stringify(read.value.entries) === text) return true;
      // Base64url has spare bits in its last letter: another spelling of the same signature is no other signature.
      const plain = (list: LedgerExport['entries']) => JSON.stringify(list.map(({ signature: _, ...rest }) => rest));
      return !verifyLedger(read.value).ok || plain(read.value.entries) === plain(exported.entries);
    }),
    { numRuns: 300 },
  );
});

t.test('canonical JSON is that of RFC 8785', async (t) => {
  // Section 3.2.2 and 3.2.3, of what flat facts can hold.
  const given = {
    '\u20ac': 'Euro Sign',
    '\r': 'Carriage Return',
    '1': 'One',
    '\u0080': 'Control',
    a: [56.0, 1e30, 4.5],
  };
  t.equal(
    canonicalJson(given),
    '{"\\r":"Carriage Return","1":"One","a":[56,1e+30,4.5],"\u0080":"Control","\u20ac":"Euro Sign"}',
  );
  t.throws(() => canonicalJson(Number.NaN));
  t.throws(() => canonicalJson('\ud800'));
  const value = fc.letrec<{ value: Canonical }>((tie) => ({
    value: fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('value'), { maxLength: 4 }),
      fc.dictionary(fc.string({ unit: 'grapheme' }), tie('value'), { maxKeys: 4 }),
    ),
  })).value;
  const shuffled = (given: Canonical): Canonical =>
    Array.isArray(given)
      ? given.map(shuffled)
      : typeof given === 'object' && given !== null
        ? Object.fromEntries(
            Object.entries(given)
              .reverse()
              .map(([name, one]) => [name, shuffled(one)]),
          )
        : given;
  fc.assert(
    fc.property(value, (given) => {
      const text = canonicalJson(given);
      return canonicalJson(shuffled(given)) === text && canonicalJson(JSON.parse(text) as Canonical) === text;
    }),
  );
});

t.test(
  'what a stranger repeats is counted, and is one entry when something else happens or the hour is over',
  async (t) => {
    const start = await desk(t);
    const { signer } = await start.owner.set({ passphrase });
    const fail = (ledger: Ledger) => ledger.append({ by: 'stranger', type: 'sign-in-failed' });
    for (let count = 0; count < 50; count += 1) await fail(start.ledger);
    t.equal(start.ledger.head()?.length, 1, 'nothing was added to the chain');
    const { ledger, clock } = await start.again();
    for (let count = 0; count < 50; count += 1) await fail(ledger);
    await ledger.append({ by: 'owner', type: 'sign-in' }, signer);
    const page = await ledger.entries({ limit: 10, newestFirst: true });
    t.match(page, [{ type: 'sign-in' }, { type: 'sign-in-failed', by: 'stranger', facts: { count: 100 } }, {}]);
    await fail(ledger);
    clock.advance(3_600_000);
    await fail(ledger);
    t.match(await ledger.entries({ after: 2, limit: 10 }), [{ index: 3, facts: { count: 1 } }]);
    t.equal((await ledger.export()).entries.length, 5, 'an export has all that happened');
    t.ok(verifyLedger(await ledger.export()).ok);
  },
);

t.test('pages go forth and back', async (t) => {
  const { ledger } = await desk(t);
  const told: number[] = [];
  ledger.onAppend(({ index }) => told.push(index));
  for (let count = 0; count < 12; count += 1)
    await ledger.append({ by: 'provider', type: 'command', facts: { count } });
  const indexes = async (page: Parameters<Ledger['entries']>[0]) =>
    (await ledger.entries(page)).map(({ index }) => index);
  t.same(await indexes({ limit: 3 }), [0, 1, 2]);
  t.same(await indexes({ after: 2, limit: 3 }), [3, 4, 5]);
  t.same(await indexes({ limit: 2, newestFirst: true }), [11, 10]);
  t.same(await indexes({ after: 10, limit: 2, newestFirst: true }), [9, 8]);
  t.equal(told.length, 12);
});

t.test("the owner's key is opened by the passphrase or the recovery code, and by nothing else", async (t) => {
  const first = await desk(t);
  await t.rejects(first.owner.unlock(passphrase), refuses('owner-unset'));
  await t.rejects(first.owner.set({ passphrase: 'short' }), refuses('passphrase-weak'));
  const { recoveryCode, signer } = await first.owner.set({ passphrase });
  t.match(recoveryCode, /^([0-9A-Z]{4}-){5}[0-9A-Z]{4}$/);
  await t.rejects(first.owner.set({ passphrase }), refuses('owner-set'));
  const { owner, ledger } = await first.again();
  await t.rejects(owner.unlock('correct horse batterz'), refuses('passphrase-wrong'));
  t.equal((await owner.unlock(passphrase)).kid, signer.kid);

  await t.rejects(owner.recover('0000-0000', 'another passphrase'), refuses('recovery-wrong'));
  const typed = recoveryCode.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o');
  const recovered = await owner.recover(typed, 'another passphrase');
  t.equal(recovered.signer.kid, signer.kid, 'it is the same key');
  await t.rejects(owner.unlock(passphrase), refuses('passphrase-wrong'));
  await t.rejects(owner.recover(recoveryCode, passphrase), refuses('recovery-wrong'));
  await owner.changePassphrase({ old: 'another passphrase', passphrase });
  await owner.unlock(passphrase);
  await owner.recover(recovered.recoveryCode, passphrase);

  const replaced = await owner.replace('a third passphrase');
  t.not(replaced.signer.kid, signer.kid, 'who had lost both has a new key');
  await ledger.append({ by: 'owner', type: 'sign-in' }, await owner.unlock('a third passphrase'));
  t.match(verifyLedger(await ledger.export()), { ok: true });
  await owner.allowReplace(false, replaced.signer);
  await t.rejects(owner.replace(passphrase), refuses('replace-forbidden'));
});

t.test(
  'the key does not stand on the disk in the clear, and a cut between file and ledger is mended at sign-in',
  async (t) => {
    const first = await desk(t);
    await first.owner.set({ passphrase });
    const kept = await files.read(path.join(first.folder, 'owner.json'));
    t.notMatch(kept?.toString(), /PRIVATE|"d":/);

    const other = await desk(t);
    if (kept) await files.write(path.join(other.folder, 'owner.json'), kept);
    const { owner, ledger } = await other.again();
    t.equal(ledger.head(), undefined);
    await ledger.append({ by: 'owner', type: 'sign-in' }, await owner.unlock(passphrase));
    t.match(verifyLedger(await ledger.export()), { ok: true, signed: 2 });
  },
);

t.test('a receipt by the territory shows that the end was cut off', async (t) => {
  const ca = await createTestCa();
  const stranger = await createTestCa();
  t.teardown(() => Promise.all([ca.close(), stranger.close()]));
  const provider = await ca.documents();
  const server = await ca.server();
  const box = await ca.client('box-receipt1');
  const root = new X509Certificate(ca.ca);
  const { ledger } = await desk(t);
  for (let count = 0; count < 3; count += 1) await ledger.append({ by: 'provider', type: 'command', facts: { count } });
  const receiptOf = (head: object, { at = Date.now(), by = provider } = {}) => {
    const x5c = [new X509Certificate(by.cert).raw.toString('base64')];
    const signed = [
      { alg: 'ES256', typ: receiptType, x5c },
      { ...head, box: 'box-receipt1', at },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const key = createPrivateKey(by.key);
    return `${signed}.${sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
  };
  const head = ledger.head() ?? {};
  await ledger.keepReceipt(receiptOf(head));
  const exported = await ledger.export();
  t.match(verifyLedger(exported, root), { ok: true, receipt: 'right' });
  t.match(verifyLedger(exported), { ok: true, receipt: 'not-checked' });
  const cut = { ...exported, entries: exported.entries.slice(0, 2) };
  t.match(verifyLedger(cut, root), { ok: false, why: /the end was cut off/ });
  const other = { ...exported, receipt: receiptOf({ ...head, hash: randomBytes(32).toString('hex') }) };
  t.match(verifyLedger(other, root), { ok: false, why: /saw another entry/ });
  const foreign = new X509Certificate(stranger.ca);
  t.match(verifyLedger(exported, foreign), { ok: false, why: /not by the territory/ });
  t.match(verifyLedger({ ...exported, receipt: receiptOf(head, { at: 0 }) }, root), {
    ok: false,
    why: /outside the validity/,
  });
  const byOthers = [box, server].map((by) => receiptOf(head, { by }));
  for (const receipt of byOthers)
    t.match(verifyLedger({ ...exported, receipt }, root), { ok: false, why: /not made for it/ });

  const roots = async () => [foreign, root];
  const longer = receiptOf({ ...head, length: 4 });
  const ofAnother = receiptOf({ ...head, ledger: '0'.repeat(32) });
  for (const receipt of [...byOthers, other.receipt, longer, ofAnother, 'x', ''])
    await t.rejects(takeReceipt({ receipt, ledger, roots }), { code: 'receipt-invalid' });
  t.equal((await ledger.export()).receipt, exported.receipt, 'what was right is kept');
  const again = receiptOf(head, { at: Date.now() + 1000 });
  await takeReceipt({ receipt: again, ledger, roots });
  t.equal((await ledger.export()).receipt, again);
});
