/** Who comes into a territory, on what, and who stays out: over real TLS, asked by curl, with openssl's certificates. */
import { X509Certificate } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import t, { type Test } from 'tap';
import { Type } from 'typebox';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { crlFromPem } from '#common/pki/crl.js';
import { makeCsr, parseCsr } from '#common/pki/csr.js';
import { keyHash, keyToPem, newPrivateKey, signerOf } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import { AdmissionRequest, BoxDetail } from '#contract/operator.js';
import { check } from '#contract/parse.js';
import { Refusal } from '#contract/problems.js';
import { requestCode } from '#contract/request-code.js';
import { decide, parseWays, type Shown, type Way } from '../../provisioning/admission/ways.js';
import { crlFile } from '../../provisioning/ca/crl.js';
import { someMaker, testAlliance } from '../support/alliance.js';
import { type Asked, answered, certificateIn, csr, day, est, refused, territory, type Wish } from '../support/est.js';
import { createMaker } from '../support/maker.js';
import { runCommand } from '../support/provider.js';
import { isElsewhere, roomsOf } from '../support/records.js';

const simpleenroll = `${est}/simpleenroll`;
const idOf = (certificate: X509Certificate) => certificate.subject.replace('CN=', '');

async function opened(t: Test, ways: string, wish: Wish = {}) {
  const maker = await createMaker(t);
  const served = await territory(t, { admission: parseWays(ways), ...wish });
  const { alliance, publish, directory } = await testAlliance(t, systemClock);
  await alliance.addMaker(await someMaker(maker.id, maker.ca));
  const file = path.join(directory, 'directory.jws');
  await writeFile(file, await publish(400));
  await served.ask('directory.accept', { file, keys: path.join(directory, 'keys.json') });
  const enrol = async (asked: Asked = {}) => served.curl(simpleenroll, { body: await csr(), ...asked });
  const show = async (box: string) => answered(check(BoxDetail, await served.ask('box.show', { box })));
  const requests = async () =>
    answered(check(Type.Array(AdmissionRequest), await served.ask('request.list', { limit: 500 })));
  return { ...served, maker, enrol, show, requests };
}

t.test('a device of an accredited maker comes in by itself, and the same key gets the same certificate', async (t) => {
  const { maker, enrol, show, boxes } = await opened(t, 'open-for-accredited-makers');
  const device = await maker.device('TUI-0001');
  const body = await csr();
  const first = certificateIn(await enrol({ with: device, body }));
  const again = certificateIn(await enrol({ with: device, body }));
  t.equal(again.fingerprint256, first.fingerprint256);
  t.match(await show(idOf(first)), {
    standing: { admittedBy: 'maker', factory: { maker: 'tui', serial: 'TUI-0001', barred: false } },
  });
  t.equal((await boxes()).length, 1);
  refused(t, await enrol(), 401, 'admission-closed');
  refused(t, await enrol({ code: '00000-00000-00000-00000' }), 401, 'claim-not-taken');
});

t.test(
  'a factory identity that is none lets nobody in: rogue, self-signed, expired, a CA, without a serial',
  async (t) => {
    const { maker, enrol, enrolled, boxes } = await opened(t, 'claim,open-for-accredited-makers');
    const rogue = await createMaker(t); // of the same name
    const shown = [
      await rogue.device('TUI-0001'),
      await rogue.device('TUI-0001', { until: '20210101000000Z' }),
      await maker.device('TUI-0001', { until: '20210101000000Z' }),
      await maker.device('TUI-0001', {
        extensions: 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n',
      }),
      await maker.device('TUI-0001', { extensions: 'extendedKeyUsage=serverAuth\n' }),
      await maker.device('TUI-0001', { subject: '/CN=no serial' }),
      (await enrolled()).with, // an operational certificate is no factory identity
    ];
    const before = (await boxes()).length;
    for (const wrong of shown) refused(t, await enrol({ with: wrong }), 401, 'factory-foreign');
    refused(t, await enrol(), 401, 'claim-missing');
    t.equal((await boxes()).length, before);
  },
);

t.test(
  'a reset device is a new box, and the box that it was ends; a stolen one stays out until it is reinstated',
  async (t) => {
    const served = await opened(t, 'claim,open-for-accredited-makers,manual');
    const { maker, enrol, show, ask, curl, claim, requests } = served;
    const device = await maker.device('TUI-0001');
    const key = newPrivateKey();
    const first = certificateIn(await enrol({ with: device, body: await csr(key) }));
    const second = certificateIn(await enrol({ with: device }));
    t.not(idOf(second), idOf(first));
    t.match(await show(idOf(first)), {
      state: 'revoked',
      standing: { revocation: { reason: 'superseded', to: idOf(second) }, factory: { barred: false } },
    });
    const old = { cert: certificateToPem(first.raw), key: keyToPem(key) };
    refused(t, await curl('/v1/profile', { with: old }), 403, 'box-revoked');
    refused(
      t,
      await curl(`${est}/simplereenroll`, { with: old, body: await csr(key, idOf(first)) }),
      401,
      'box-revoked',
    );

    const { code } = await claim();
    const third = certificateIn(await enrol({ with: device, code }));
    t.match(await show(idOf(third)), { standing: { admittedBy: 'claim', factory: { serial: 'TUI-0001' } } });
    t.match(await show(idOf(second)), { state: 'revoked' }, 'by claim too');

    await ask('box.revoke', { box: idOf(third), reason: 'reported stolen' });
    t.match(await show(idOf(third)), {
      standing: { factory: { barred: true }, revocation: { text: 'reported stolen' } },
    });
    refused(t, await enrol({ with: device }), 401, 'factory-barred');
    refused(t, await enrol({ with: device, code: (await claim()).code }), 401, 'factory-barred');
    t.equal((await requests()).length, 0, 'nor does it bother the operator');

    await ask('box.reinstate', { box: idOf(third) });
    await t.rejects(ask('box.reinstate', { box: idOf(third) }), { code: 'box-not-barred' });
    const fourth = certificateIn(await enrol({ with: device }));
    await ask('box.revoke', { box: idOf(fourth), barFactory: false });
    certificateIn(await enrol({ with: device }));
  },
);

t.test('a voucher lets in the device that it names, once, and only here', async (t) => {
  const { maker, enrol, show, ca, time } = await opened(t, 'voucher');
  const root = new X509Certificate(ca).raw;
  const namesake = await createMaker(t); // not accredited, though it says so
  const device = await maker.device('TUI-0001');
  const own = { serial: 'TUI-0001', root, territory: 'kowhai' };
  const header = (voucher: Buffer) => `Webizen-Voucher: ${voucher.toString('base64')}`;
  const good = await maker.voucher(own);
  const stranger = await namesake.voucher({ ...own, root: namesake.ca.raw });
  refused(t, await enrol({ with: device }), 401, 'admission-closed');
  refused(t, await enrol({ header: header(good) }), 401, 'admission-closed'); // a voucher is no proof of the device
  const no = async (voucher: Buffer, code: string, other = device) =>
    refused(t, await enrol({ with: other, header: header(voucher) }), 401, code);
  refused(t, await enrol({ with: device, header: 'Webizen-Voucher: *' }), 401, 'voucher-invalid');
  refused(t, await enrol({ with: device, header: header(Buffer.alloc(3)) }), 400, 'voucher-malformed');
  await no(good, 'voucher-serial', await maker.device('TUI-0002'));
  await no(await namesake.voucher(own), 'voucher-foreign');
  await no(stranger, 'voucher-foreign');
  await no(await maker.voucher({ ...own, root: namesake.ca.raw }), 'voucher-elsewhere');
  await no(await maker.voucher({ ...own, territory: 'rata' }), 'voucher-elsewhere');
  await no(await maker.voucher({ ...own, expiresAt: Date.now() - 1000 }), 'voucher-expired');
  for (const mask of [1, 0x80]) {
    const altered = Buffer.from(good);
    const place = altered.indexOf('TUI-0001') + 7; // of the serial that was signed
    altered[place] = altered[place]! ^ mask;
    await no(altered, 'voucher-forged');
  }
  const body = await csr();
  const first = certificateIn(await enrol({ with: device, header: header(good), body }));
  const again = certificateIn(await enrol({ with: device, header: header(good), body }));
  t.equal(again.fingerprint256, first.fingerprint256, 'a lost reply');
  await no(good, 'voucher-used');
  await no(await maker.voucher(own), 'voucher-used');
  t.match(await show(idOf(first)), { state: 'enrolled', standing: { admittedBy: 'voucher' } });
  time.ahead = day;
  t.equal(
    certificateIn(await enrol({ with: device, header: header(good), body })).fingerprint256,
    first.fingerprint256,
  );
});

t.test('an operator decides: the box waits with 202, is let in for its key, and reads why it is refused', async (t) => {
  const { maker, enrol, ask, requests, show, claim, time, boxes } = await opened(t, 'manual');
  const device = await maker.device('TUI-0001');
  const key = newPrivateKey();
  const waits = await enrol({ with: device, body: await csr(key) });
  t.equal(waits.status, 202);
  t.match(waits.headers, /^Retry-After: 10\r?$/m);
  t.match(waits.headers, /^Content-Length: 0\r?$/m);
  t.equal((await enrol({ with: device, body: await csr(key, 'another subject') })).status, 202);
  const homemade = newPrivateKey();
  t.equal((await enrol({ body: await csr(homemade), code: (await claim({ label: 'Mrs Nguyen' })).code })).status, 202);
  const code = requestCode(keyHash(signerOf(key).publicKey));
  const all = await requests();
  t.match(all, [
    {
      code,
      state: 'waiting',
      address: /127\.0\.0\.1|::1/,
      factory: { serial: 'TUI-0001' },
      claimLabel: null,
      box: null,
    },
    { code: requestCode(keyHash(signerOf(homemade).publicKey)), factory: null, claimLabel: 'Mrs Nguyen' },
  ]);
  t.equal(all.length, 2, 'asking again is the same request');
  t.equal((await boxes()).length, 0);
  refused(t, await enrol({ code: '00000-00000-00000-00000' }), 401, 'claim-not-taken');

  const approved = answered(check(AdmissionRequest, await ask('request.approve', { request: code.toLowerCase() })));
  const first = certificateIn(await enrol({ with: device, body: await csr(key) }));
  t.equal(idOf(first), approved.box);
  t.equal(
    certificateIn(await enrol({ body: await csr(key) })).fingerprint256,
    first.fingerprint256,
    'whenever it asks',
  );
  t.match(await show(idOf(first)), { standing: { admittedBy: 'request', factory: { serial: 'TUI-0001' } } });
  await t.rejects(ask('request.approve', { request: code }), { code: 'request-decided' });

  await ask('request.refuse', { request: all[1]?.id, reason: 'we do not know you: ring 555 0100' });
  const no = await enrol({ body: await csr(homemade) });
  refused(t, no, 401, 'admission-refused');
  t.match(no.body.toString(), '"detail":"we do not know you: ring 555 0100"');
  await t.rejects(ask('request.refuse', { request: all[1]?.code, reason: 'no' }), { code: 'request-decided' });
  await t.rejects(ask('request.approve', { request: 'ZZZZ-ZZZZ' }), { code: 'request-unknown' });
  await t.rejects(ask('request.refuse', { request: code, reason: '' }), { code: 'arguments-invalid' });

  await ask('box.revoke', { box: idOf(first) });
  refused(t, await enrol({ body: await csr(key) }), 401, 'box-revoked');
  time.ahead = 31 * day;
  t.equal((await enrol({ body: await csr(homemade) })).status, 202, 'after a month it may ask again');
});

t.test('the commands decide too, while nothing runs, and what they decide holds', { skip: isElsewhere }, async (t) => {
  const { maker, enrol, provider, directory, claim } = await opened(t, 'manual,claim');
  const device = await maker.device('TUI-0001');
  const [approved, refusedKey] = [newPrivateKey(), newPrivateKey()];
  await enrol({ with: device, body: await csr(approved) });
  await enrol({ body: await csr(refusedKey) });
  const enrolled = certificateIn(await enrol({ code: (await claim()).code, with: await maker.device('TUI-0002') }));
  await provider.stop();
  const command = (...args: string[]) => runCommand('webizen-provider', [...args, '--dir', directory]);
  const codeOf = (key: ReturnType<typeof newPrivateKey>) => requestCode(keyHash(signerOf(key).publicKey));
  const listed = command('request', 'list').stdout;
  t.match(listed, new RegExp(`${codeOf(approved)} +waiting .* tui TUI-0001`));
  t.match(command('request', 'approve', codeOf(approved)).stdout, /is admitted as box-/);
  t.match(command('request', 'refuse', codeOf(refusedKey)), { status: 2, stderr: /--reason is missing/ });
  t.match(command('request', 'refuse', codeOf(refusedKey), '--reason', 'unknown').stdout, 'is refused');
  t.match(command('request', 'frob'), { status: 2 });
  t.match(command('box', 'revoke', idOf(enrolled), '--reason', 'stolen').status, 0);
  const shown = command('box', 'show', idOf(enrolled)).stdout;
  t.match(shown, /device +TUI-0002 of tui, barred/);
  t.match(shown, /reason +stolen/);
  t.match(command('box', 'reinstate', idOf(enrolled)).stdout, 'may enrol again');
  t.match(command('box', 'object', idOf(enrolled), '--reason', 'no'), { status: 1, stderr: /box-not-leaving/ });
  const crl = crlFromPem((await files.read(crlFile(directory)))?.toString() ?? '');
  t.ok(crl.revoked.has(enrolled.serialNumber), 'the list is made without a server too');

  const rooms = await roomsOf({ directory, files, clock: systemClock });
  const asking = { address: '192.0.2.1', factory: undefined, claimLabel: undefined };
  const ask = async (key: typeof approved) => {
    const made = await makeCsr({ commonName: 'any', signer: signerOf(key) });
    return rooms.requests.ask({ ...asking, csr: parseCsr(made) });
  };
  t.ok(Buffer.isBuffer(await ask(approved)));
  await t.rejects(ask(refusedKey), { code: 'admission-refused', detail: 'unknown' });
  await rooms.close();
});

t.test('so many may wait, and no more; who asks no more is forgotten', async (t) => {
  const { enrol, post, requests, time } = await opened(t, 'claim,manual');
  const all = await Promise.all(Array.from({ length: 21 }, async () => post('', await csr())));
  t.equal(all.filter(({ status }) => status === 202).length, 20, 'from one address');
  const full = await enrol();
  refused(t, full, 503, 'admission-full');
  t.match(full.headers, /^Retry-After: 600\r?$/m);
  time.ahead = 8 * day;
  t.equal((await requests()).length, 0);
  t.equal((await enrol()).status, 202);
  t.equal((await requests()).length, 1);
});

t.test('an expired code tells the operator whose box it is; a wrong one is refused at once', async (t) => {
  const { enrol, claim, requests, time } = await opened(t, 'claim,manual');
  const { code } = await claim({ label: 'Mr Tui', lifetimeSeconds: 60 });
  time.ahead = 61_000;
  t.equal((await enrol({ code })).status, 202);
  t.match(await requests(), [{ claimLabel: 'Mr Tui' }]);
  refused(t, await enrol({ code: '00000-00000-00000-00000' }), 401, 'claim-unknown');
  certificateIn(await enrol({ code: (await claim()).code }));
});

t.test('nothing that a box shows lets it in by a way that is closed', async (t) => {
  const factory = { maker: 'tui', serial: '1' };
  const no = new Refusal('factory-foreign');
  const all: Way[] = ['claim', 'manual', 'voucher', 'open-for-accredited-makers'];
  for (let mask = 0; mask < 16; mask += 1) {
    const ways = new Set(all.filter((_, index) => mask & (1 << index)));
    for (const code of [undefined, 'C'])
      for (const claimLabel of code ? [undefined, 'label'] : [undefined])
        for (const device of [undefined, factory, no])
          for (const voucher of device === factory ? (['good', no, undefined] as const) : [undefined]) {
            const shown: Shown = { code, claimLabel, factory: device, voucher };
            const verdict = decide(ways, shown);
            const said = JSON.stringify({ ways: [...ways], shown, verdict });
            if (verdict.way === 'claim') t.ok(ways.has('claim') && code, said);
            if (verdict.way === 'maker') t.ok(ways.has('open-for-accredited-makers') && device === factory, said);
            if (verdict.way === 'voucher') t.ok(ways.has('voucher') && device === factory && voucher === 'good', said);
            if (verdict.way === 'request') t.ok(ways.has('manual'), said);
            if (ways.size === 0) t.equal(verdict.way, 'refused');
          }
  }
  t.throws(() => parseWays('claim,anybody'), { code: 'arguments-invalid' });
});
