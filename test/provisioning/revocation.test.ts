/** How a box's membership ends, and what everybody can see of it: revocation lists as openssl reads them. */
import { X509Certificate } from 'node:crypto';
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { files } from '#common/files.js';
import { crlFromPem, parseCrl } from '#common/pki/crl.js';
import { keyToPem, newPrivateKey } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import { LeaveAnswer } from '#contract/leave.js';
import { BoxDetail } from '#contract/operator.js';
import { check, parseJson } from '#contract/parse.js';
import { crlFile } from '../../provisioning/ca/crl.js';
import { type Answer, answered, certificateIn, csr, day, est, refused, run, territory } from '../support/est.js';
import { createManualClock } from '../support/manual-clock.js';
import { roomsOf } from '../support/records.js';

type Box = { id: string; with: { cert: string; key: string } };

async function opened(t: Test, more: string[] = []) {
  const served = await territory(t, {}, more);
  const { curl, ask, directory } = served;
  const published = async () => parseCrl((await curl('/v1/crl')).body);
  const inFile = async () => crlFromPem((await files.read(crlFile(directory)))?.toString() ?? '');
  const show = async (box: string) => answered(check(BoxDetail, await ask('box.show', { box })));
  const leave = (box: Box, body: object): Promise<Answer> =>
    curl('/v1/leave', { with: box.with, body: JSON.stringify(body), type: 'application/json' });
  /** With the next certificate in use. */
  async function renewed({ id, with: held }: Box): Promise<Box & { certificate: X509Certificate }> {
    const key = newPrivateKey();
    const next = certificateIn(await curl(`${est}/simplereenroll`, { with: held, body: await csr(key, id) }));
    return { id, certificate: next, with: { cert: certificateToPem(next.raw), key: keyToPem(key) } };
  }
  return { ...served, published, inFile, show, leave, renewed };
}

t.test('a revocation stands on the list at once, with every certificate of the box, and openssl agrees', async (t) => {
  const { directory, ask, curl, enrolled, renewed, published, inFile, root } = await opened(t);
  const [stays, goes] = [await enrolled(), await enrolled()];
  const second = await renewed(goes);
  await curl('/v1/profile', { with: second.with });
  const third = await renewed(second);
  const before = await published();
  t.equal(before.revoked.size, 0);
  await ask('box.revoke', { box: goes.id });

  const after = await published();
  const serials = [goes, second, third].map(({ certificate }) => certificate.serialNumber);
  t.same([...after.revoked.keys()].sort(), serials.sort());
  t.ok(after.number > before.number);
  t.equal((await inFile()).number, after.number);
  t.equal((await stat(crlFile(directory))).mode & 0o777, 0o644);
  t.match((await curl('/v1/crl')).headers, /^Content-Type: application\/pkix-crl\r?$/m);

  const file = (name: string) => path.join(directory, name);
  await writeFile(file('box.crt'), goes.with.cert);
  await writeFile(file('stays.crt'), stays.with.cert);
  const issuing = file('ca/issuing.crt');
  const crl = await run('openssl', ['crl', '-in', crlFile(directory), '-CAfile', issuing, '-noout', '-text']);
  t.match(crl.stderr, /verify OK/);
  t.match(crl.stdout, /X509v3 CRL Number/);
  const verify = ['verify', '-crl_check', '-CAfile', root, '-untrusted', issuing, '-CRLfile', crlFile(directory)];
  t.match((await run('openssl', [...verify, file('stays.crt')])).stdout, 'OK');
  await t.rejects(run('openssl', [...verify, file('box.crt')]), /certificate revoked/);
});

t.test('the number of a list never goes back, and an entry goes only when its certificate has run out', async (t) => {
  const { directory, provider, ask, enrolled, inFile } = await opened(t);
  const box = await enrolled();
  await ask('box.revoke', { box: box.id });
  await provider.stop();
  const before = await inFile();
  const clock = createManualClock(Date.now());
  const at = async (milliseconds: number) => {
    await clock.pass(milliseconds);
    const rooms = await roomsOf({ directory, files, clock });
    await rooms.crl.start();
    await rooms.close();
    return inFile();
  };
  const same = await at(0);
  t.ok(same.number > before.number, 'also made twice in one second');
  t.equal(same.revoked.size, 1);
  const back = await at(-3 * day);
  t.ok(back.number > same.number, 'nor with a clock that went back');
  t.equal((await at(34 * day)).revoked.size, 1, 'once more after its end');
  t.equal((await at(day)).revoked.size, 0);

  const rooms = await roomsOf({ directory, files, clock });
  await rooms.crl.start();
  const told: string[] = [];
  rooms.crl.onChange((pem) => told.push(pem));
  const early = await rooms.crl.pem();
  for (let hours = 0; hours < 26; hours += 1) {
    await clock.sleeping();
    const made = new Promise<void>((resolve) => rooms.crl.onChange(() => resolve()));
    clock.advance(day / 24);
    if (hours === 23) await made;
  }
  const late = crlFromPem(await rooms.crl.pem());
  t.ok(told.length >= 1, 'it is made anew by itself, each day');
  t.ok(late.nextUpdate > crlFromPem(early).nextUpdate);
  t.ok(late.nextUpdate - clock.now() > 5 * day, 'long before it runs out');
  await rooms.close();
});

t.test('what an earlier release revoked stands on the first list', async (t) => {
  const { directory, provider, clock, enrolled, inFile } = await opened(t);
  const box = await enrolled();
  await provider.stop();
  const earlier = await roomsOf({ directory, files, clock });
  const { store } = earlier;
  const record = await store.boxes.get(box.id);
  const { admittedBy: _admittedBy, ...old } = record!;
  await store.boxes.put(box.id, { ...old, revokedAt: Date.now() });
  await store.crls.clear();
  await earlier.close();
  const rooms = await roomsOf({ directory, files, clock });
  await rooms.crl.start();
  await rooms.close();
  t.same([...(await inFile()).revoked.keys()], [box.certificate.serialNumber]);
});

t.test('a box leaves: told, objected to, given up, done; whatever the operator says', async (t) => {
  const { ask, curl, enrolled, leave, show, published } = await opened(t);
  const box = await enrolled();
  const read = (answer: Answer) => answered(parseJson(LeaveAnswer, answer.body));
  await t.rejects(ask('box.object', { box: box.id, reason: 'wait' }), { code: 'box-not-leaving' });
  const announced = read(await leave(box, { phase: 'announced', reason: 'transfer', to: 'rata' }));
  t.match(announced, { phase: 'announced', objection: null });
  t.same(read(await leave(box, { phase: 'announced', reason: 'transfer', to: 'rata' })), announced, 'again');
  t.match(await show(box.id), { state: 'enrolled', standing: { leaving: { phase: 'announced', to: 'rata' } } });
  await ask('box.object', { box: box.id, reason: 'a bill is open' });
  const told = read(await leave(box, { phase: 'announced', reason: 'transfer', to: 'rata' }));
  t.equal(told.objection, 'a bill is open');
  t.equal((await curl('/v1/profile', { with: box.with })).status, 200, 'nothing has ended');

  t.match(read(await leave(box, { phase: 'abandoned', reason: 'transfer', to: 'rata' })), { phase: 'abandoned' });
  await t.rejects(ask('box.object', { box: box.id, reason: 'wait' }), { code: 'box-not-leaving' });
  const done = read(await leave(box, { phase: 'completed', reason: 'transfer', to: 'rata' }));
  t.same(read(await leave(box, { phase: 'completed', reason: 'transfer', to: 'rata' })), done, 'it may be said twice');
  t.match(await show(box.id), {
    state: 'left',
    standing: { revocation: { reason: 'left', to: 'rata' }, leaving: { objection: 'a bill is open' } },
  });
  t.ok((await published()).revoked.has(box.certificate.serialNumber));
  refused(t, await curl('/v1/profile', { with: box.with }), 403, 'box-left');

  const other = await enrolled();
  const malformed: object[] = [
    {},
    { phase: 'gone', reason: 'reset' },
    { phase: 'completed', reason: 'reset', more: 1 },
  ];
  for (const body of malformed) refused(t, await leave(other, body), 400, 'body-invalid');
  refused(t, await curl('/v1/leave', { body: '{}', type: 'application/json' }), 401, 'certificate-missing');
  await ask('box.revoke', { box: other.id });
  refused(t, await leave(other, { phase: 'completed', reason: 'reset' }), 403, 'box-revoked');
});

t.test('an expired certificate renews as long as the provider allows, and no longer', async (t) => {
  const { curl, enrolled, ask, time, directory } = await opened(t, ['--renewal-grace', '20d']);
  const [box, revoked] = [await enrolled(), await enrolled()];
  await ask('box.revoke', { box: revoked.id });
  const renew = async ({ id, with: held }: Box) =>
    curl(`${est}/simplereenroll`, { with: held, body: await csr(newPrivateKey(), id) });
  time.ahead = 40 * day;
  refused(t, await renew(revoked), 401, 'box-revoked');
  refused(t, await curl('/v1/profile', { with: box.with }), 401, 'certificate-expired');
  refused(
    t,
    await curl('/v1/leave', {
      with: box.with,
      body: '{"phase":"announced","reason":"reset"}',
      type: 'application/json',
    }),
    401,
    'certificate-expired',
  );
  t.equal((await renew(box)).status, 200);
  time.ahead = 51 * day;
  refused(t, await renew(box), 401, 'renewal-too-late');

  // A rogue's own, with the box's name, and expired: its date must not hide that it is nobody's.
  const file = (name: string) => path.join(directory, name);
  await writeFile(file('rogue.key'), keyToPem(newPrivateKey()));
  await run('openssl', ['req', '-new', '-key', file('rogue.key'), '-subj', `/CN=${box.id}`, '-out', file('rogue.csr')]);
  const dates = ['-days', '-1', '-signkey', file('rogue.key'), '-in', file('rogue.csr'), '-out', file('rogue.crt')];
  await run('openssl', ['x509', '-req', ...dates]);
  const read = async (name: string) => (await files.read(file(name)))?.toString() ?? '';
  const rogue = { id: box.id, with: { cert: await read('rogue.crt'), key: await read('rogue.key') } };
  t.ok(new X509Certificate(rogue.with.cert));
  refused(t, await renew(rogue), 401, 'certificate-foreign');
  refused(t, await curl('/v1/profile', { with: rogue.with }), 401, 'certificate-foreign');
});
