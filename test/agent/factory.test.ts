/** What a box has from its maker: identity, label code, voucher; and what a home-made box has instead. */
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { createIssuer, type Issuer } from '#common/pki/certificate.js';
import { signCms, verifyCms } from '#common/pki/cms.js';
import { issueIdevid, issueMakerRoot, serialOfIdevid, verifyIdevid } from '#common/pki/idevid.js';
import { newPrivateKey, signerOf, spkiOf } from '#common/pki/keys.js';
import { oids } from '#common/pki/oids.js';
import { certificateToPem } from '#common/pki/pem.js';
import { makeVoucher, verifyVoucher } from '#common/pki/voucher.js';
import { newClaimCode } from '#contract/claim-code.js';
import { boxName, codeInFragment, setupLink } from '#contract/label.js';
import type { Refusal } from '#contract/problems.js';
import { newSetupCode, parseSetupCode, setupVerifier, verifySetupCode } from '#contract/setup-code.js';
import { type Factory, openFactory, parseBootFile } from '../../agent/factory/factory.js';
import { factoryCsr, factoryInstall } from '../../agent/factory/install.js';
import { makeBox } from '../../provisioning/factory/make-box.js';
import { createMaker, type Maker, openMaker } from '../../provisioning/factory/maker.js';
import { someCa } from '../support/alliance.js';
import { ownFolder } from '../support/folder.js';

const day = 86_400_000;
const now = Date.now();
const refusal = (code: string) => ({ name: 'Refusal', code });
const openssl = (directory: string, ...args: string[]): string =>
  execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

async function someIssuer(name = 'Acme'): Promise<Issuer> {
  const signer = signerOf(newPrivateKey());
  const der = await issueMakerRoot({ subject: { commonName: name }, signer, notBefore: now - day });
  return createIssuer({ certificate: new X509Certificate(der), signer });
}

async function someMaker(
  t: Test,
): Promise<{ maker: Maker; out: string; known: { id: string; name: string; ca: X509Certificate } }> {
  const folder = await ownFolder(t);
  const directory = path.join(folder, 'maker');
  await createMaker({ files, clock: systemClock, directory, id: 'acme', name: 'Acme Boxes' });
  const maker = await openMaker({ files, directory });
  const out = path.join(folder, 'boxes');
  await mkdir(out);
  return { maker, out, known: { id: 'acme', name: 'Acme Boxes', ca: maker.issuer.certificate } };
}

async function open(dataDir: string, bootDir?: string): Promise<{ factory: Factory; refused: Refusal[] }> {
  const refused: Refusal[] = [];
  const factory = await openFactory({
    dataDir,
    bootDir,
    files,
    clock: systemClock,
    onRefused: (one) => refused.push(one),
  });
  return { factory, refused };
}

/** A box and the folder that its maker made for it. */
async function madeBox(t: Test, serial: string, made: Awaited<ReturnType<typeof someMaker>>, territory?: Buffer) {
  const dataDir = path.join(await ownFolder(t), 'data');
  const csr = Buffer.from(await factoryCsr({ files, dataDir, serial }));
  const wish = { serial, csr, ...(territory ? { territory: { id: 'kowhai', ca: territory } } : {}) };
  await makeBox({ maker: made.maker, clock: systemClock, out: made.out, voucherMilliseconds: 30 * day }, wish);
  const from = path.join(made.out, serial);
  const code = /^code +(\S+)$/m.exec(await readFile(path.join(from, 'label.txt'), 'utf8'))?.[1] ?? '';
  return { dataDir, from, code };
}

t.test('a setup code forgives what people do, and finds what they mistype', async (t) => {
  const code = newSetupCode();
  t.match(code, /^[0-9A-HJKMNP-TV-Z]{5}-[0-9A-HJKMNP-TV-Z]{5}$/);
  const plain = code.replace('-', '');
  t.equal(parseSetupCode(code), plain);
  t.equal(parseSetupCode(` ${code.toLowerCase().replace('-', ' ')} `), plain);
  t.equal(parseSetupCode(plain.replaceAll('0', 'o').replaceAll('1', 'l')), plain);
  const wrong = (place: number) => plain.slice(0, place) + (plain[place] === '7' ? '8' : '7') + plain.slice(place + 1);
  for (let place = 0; place < 10; place += 1)
    t.equal(parseSetupCode(wrong(place)), undefined, `a wrong character at ${place}`);
  const verifier = await setupVerifier(plain);
  t.ok(await verifySetupCode(code.toLowerCase(), verifier));
  t.notOk(await verifySetupCode(newSetupCode(), verifier));
  t.notOk(await verifySetupCode('', verifier));
  t.notOk(await verifySetupCode(code, undefined), 'nothing is right where there is no code');
  t.notMatch(JSON.stringify(verifier), plain);
  t.equal(codeInFragment(new URL(setupLink(code)).hash), code);
  t.equal(codeInFragment('#other'), undefined);
  fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => void parseSetupCode(text)));
});

t.test('a factory identity satisfies 802.1AR in the eyes of openssl', async (t) => {
  const directory = t.testdir();
  const issuer = await someIssuer();
  const key = newPrivateKey();
  const spki = spkiOf(signerOf(key).publicKey);
  const hardwareType = '2.25.340282366920938463463374607431768211455';
  const wish = { serial: 'WZ-0001', organization: 'Acme Ōtautahi', hardwareType, spki, notBefore: now };
  const { der } = await issueIdevid(issuer, wish);
  await writeFile(path.join(directory, 'ca.crt'), certificateToPem(issuer.certificate.raw));
  await writeFile(path.join(directory, 'idevid.crt'), certificateToPem(der));
  t.match(
    openssl(directory, 'verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', 'ca.crt', 'idevid.crt'),
    'OK',
  );
  const text = openssl(directory, 'x509', '-in', 'idevid.crt', '-noout', '-text');
  t.match(text, /Not After : Dec 31 23:59:59 9999 GMT/);
  t.match(text, /Subject: O = .*, serialNumber = WZ-0001/);
  t.match(text, /CA:FALSE/);
  t.match(text, /X509v3 Key Usage: critical\s+Digital Signature\n/);
  t.match(text, /othername: 1\.3\.6\.1\.5\.5\.7\.8\.4/i);
  const from = Number(
    /(\d+):d=\d+ +hl=\d+ l= *\d+ prim: OCTET STRING +\[HEX DUMP\]:30.*06082B06010505070804/.exec(
      openssl(directory, 'asn1parse', '-in', 'idevid.crt'),
    )?.[1],
  );
  const names = openssl(directory, 'asn1parse', '-in', 'idevid.crt', '-strparse', String(from));
  t.match(names, /prim: OBJECT +:2\.25\.340282366920938463463374607431768211455\n/, 'an arc of 128 bits, whole');
  t.match(names, /OCTET STRING +:WZ-0001\n/);

  const identity = new X509Certificate(der);
  t.equal(serialOfIdevid(identity), 'WZ-0001');
  const maker = { id: 'acme', ca: issuer.certificate };
  const other = await someIssuer();
  t.match(verifyIdevid(identity, [{ id: 'other', ca: other.certificate }, maker]), {
    serial: 'WZ-0001',
    maker: { id: 'acme' },
  });
  t.throws(
    () => verifyIdevid(identity, [{ ca: other.certificate }]),
    refusal('idevid-foreign'),
    'same name, other key',
  );
  t.throws(() => verifyIdevid(identity, [{ ca: identity }]), refusal('idevid-foreign'), 'a box is no maker');
  t.throws(() => verifyIdevid(issuer.certificate, [maker]), refusal('idevid-foreign'), 'a maker is no box');
  t.throws(() => serialOfIdevid(issuer.certificate), refusal('idevid-malformed'));
});

t.test('a voucher is CMS that openssl verifies, for one box, by its maker', async (t) => {
  const directory = t.testdir();
  const maker = await someIssuer();
  const pinned = await someCa('kowhai');
  const facts = { serial: 'WZ-0001', createdAt: now, expiresAt: now + 30 * day, territory: 'kowhai' };
  const der = await makeVoucher(maker, { ...facts, pinned });
  await writeFile(path.join(directory, 'voucher.vcj'), der);
  await writeFile(path.join(directory, 'ca.crt'), certificateToPem(maker.certificate.raw));
  const cms = ['cms', '-verify', '-inform', 'DER', '-in', 'voucher.vcj', '-CAfile', 'ca.crt'];
  const voucher: unknown = JSON.parse(openssl(directory, ...cms));
  t.match(voucher, {
    'ietf-voucher:voucher': {
      'created-on': /Z$/,
      'expires-on': /Z$/,
      assertion: 'verified',
      'serial-number': 'WZ-0001',
      'pinned-domain-cert': pinned.toString('base64'),
      'webizen-voucher:territory': 'kowhai',
    },
  });
  t.match(
    openssl(directory, 'cms', '-cmsout', '-print', '-inform', 'DER', '-in', 'voucher.vcj'),
    /1\.2\.840\.113549\.1\.9\.16\.1\.40|animaJSONVoucher/,
  );

  const check = (more: Partial<Parameters<typeof verifyVoucher>[0]> = {}) =>
    verifyVoucher({ der, makers: [maker.certificate], serial: 'WZ-0001', at: now, ...more });
  const { pinned: root, ...read } = check();
  t.match(read, { serial: 'WZ-0001', territory: 'kowhai' });
  t.ok(root.raw.equals(pinned));
  t.throws(() => check({ serial: 'WZ-0002' }), refusal('voucher-serial'), 'of another box');
  t.throws(() => check({ at: now + 31 * day }), refusal('voucher-expired'));
  t.ok(check({ at: 0 }), 'a clock at 1970 lets it pass: the trusted time is a lower bound');
  const other = await someIssuer();
  t.throws(() => check({ makers: [other.certificate] }), refusal('voucher-foreign'), 'by a stranger of the same name');
  t.throws(() => check({ makers: [] }), refusal('voucher-foreign'));

  // Whoever holds a box's factory key has a certificate by the same maker, and signs no vouchers with it
  const key = signerOf(newPrivateKey());
  const idevid = await issueIdevid(maker, {
    serial: 'WZ-0009',
    organization: 'Acme',
    hardwareType: '2.25.1',
    spki: spkiOf(key.publicKey),
    notBefore: now,
  });
  const byBox = await makeVoucher({ certificate: new X509Certificate(idevid.der), signer: key }, { ...facts, pinned });
  t.throws(() => check({ der: byBox }), refusal('voucher-foreign'), 'by the key of a box');
  const byLiar = await makeVoucher({ certificate: maker.certificate, signer: key }, { ...facts, pinned });
  t.throws(() => check({ der: byLiar }), refusal('voucher-forged'), "in the maker's name");
  const sign = (content: string, contentType: string = oids.animaJsonVoucher) =>
    signCms(maker, { contentType, content: Buffer.from(content) });
  const plain = await sign(JSON.stringify(voucher), oids.data);
  t.throws(() => check({ der: plain }), refusal('voucher-malformed'), 'signed as something else');
  const empty = await sign('{}');
  t.throws(() => check({ der: empty }), refusal('voucher-malformed'), 'signed, and not a voucher');
  t.same(verifyCms(empty, [maker.certificate], oids.data), { ok: false, fault: 'malformed' });
  t.throws(() => check({ der: Buffer.alloc(100_000) }), refusal('voucher-malformed'));

  const refusedOrSame = (bytes: Uint8Array): void => {
    try {
      const { pinned: found, ...facts } = check({ der: bytes });
      t.same({ ...facts }, read);
      t.ok(found.raw.equals(pinned));
    } catch (error) {
      t.match(error, { name: 'Refusal', code: /^voucher-/ });
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), refusedOrSame), { numRuns: 200 });
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.integer({ min: 1, max: 255 }), (place, mask) => {
      const altered = Buffer.from(der);
      altered[place] = (altered[place] ?? 0) ^ mask;
      refusedOrSame(altered);
    }),
    { numRuns: 400 },
  );
});

t.test('what the maker made is installed on the box that asked for it, and on no other', async (t) => {
  const made = await someMaker(t);
  const root = await someCa('kowhai');
  const box = await madeBox(t, 'WZ-0001', made, root);
  const stranger = await madeBox(t, 'WZ-0002', made, root);
  const install = (dataDir: string, from: string) => factoryInstall({ files, dataDir, from, at: now });

  await t.rejects(install(stranger.dataDir, box.from), refusal('idevid-key'), 'the folder of another box');
  await t.rejects(install(path.join(box.dataDir, 'none'), box.from), refusal('idevid-key'), 'a box that made no key');
  const wrong = await ownFolder(t);
  const take = async (name: string, from: string) =>
    writeFile(path.join(wrong, name), await readFile(path.join(from, name)));
  await t.rejects(install(box.dataDir, wrong), refusal('idevid-malformed'), 'an empty folder');
  await take('idevid.crt', box.from);
  await t.rejects(install(box.dataDir, wrong), refusal('setup-code-malformed'));
  await take('setup-code.json', box.from);
  await take('voucher.vcj', stranger.from);
  await t.rejects(install(box.dataDir, wrong), refusal('voucher-serial'), "another box's voucher");
  t.equal((await open(box.dataDir)).factory.idevid(), undefined, 'nothing of it was kept');

  t.same(await install(box.dataDir, box.from), { serial: 'WZ-0001', name: boxName('WZ-0001'), voucher: true });
  t.same(await install(box.dataDir, box.from), { serial: 'WZ-0001', name: boxName('WZ-0001'), voucher: true }, 'again');
  const { factory, refused } = await open(box.dataDir);
  t.same(refused, []);
  t.equal(factory.name(), boxName('WZ-0001'));
  t.match(factory.name(), /^webizen-[0-9a-hjkmnp-tv-z]{4}$/);
  t.match(factory.idevid(), { serial: 'WZ-0001', keyPem: /PRIVATE KEY/ });
  t.equal(factory.idevid()?.chain.match(/BEGIN CERTIFICATE/g)?.length, 2, 'with the CA');
  t.equal((await stat(path.join(box.dataDir, 'factory/idevid.pem'))).mode & 0o777, 0o600);
  await t.rejects(stat(path.join(box.dataDir, 'factory/idevid.key')), { code: 'ENOENT' }, 'the key is in one place');
  t.equal(factory.setupCodeSource(), 'label');
  t.ok(await factory.verifySetupCode(box.code));
  t.notOk(await factory.verifySetupCode(stranger.code));
  const csr = await factoryCsr({ files, dataDir: box.dataDir, serial: 'WZ-0001' });
  t.equal(
    await makeBox(
      { maker: made.maker, clock: systemClock, out: made.out },
      { serial: 'WZ-0001', csr: Buffer.from(csr) },
    ),
    'there',
  );
});

t.test('a voucher counts once, also across a restart, and only by this box’s maker', async (t) => {
  const made = await someMaker(t);
  const root = await someCa('kowhai');
  const box = await madeBox(t, 'WZ-0001', made, root);
  await factoryInstall({ files, dataDir: box.dataDir, from: box.from, at: now });
  const { factory } = await open(box.dataDir);
  const rival = { id: 'rival', name: 'Rival', ca: (await someIssuer()).certificate };
  t.match(await factory.voucher([rival, made.known], now), { territory: 'kowhai', maker: { id: 'acme' } });
  await t.rejects(factory.voucher([rival], now), refusal('idevid-foreign'), 'its maker is not accredited now');
  await t.rejects(factory.voucher([made.known], now + 40 * day), refusal('voucher-expired'));
  await factory.spendVoucher();
  await factory.spendVoucher();
  t.equal(await factory.voucher([made.known], now), undefined);
  t.equal(await (await open(box.dataDir)).factory.voucher([made.known], now), undefined, 'after a restart');
  await t.rejects(
    factoryInstall({ files, dataDir: box.dataDir, from: box.from, at: now }),
    refusal('voucher-spent'),
    'brought again',
  );
  const plain = await madeBox(t, 'WZ-0003', made);
  await factoryInstall({ files, dataDir: plain.dataDir, from: plain.from, at: now });
  t.equal(await (await open(plain.dataDir)).factory.voucher([made.known], now), undefined, 'sold to nobody known');
});

t.test('a home-made box finds its setup code on the boot partition, or writes one there', async (t) => {
  const dataDir = path.join(await ownFolder(t), 'data');
  const bootDir = await ownFolder(t);
  await mkdir(dataDir, { mode: 0o700 });
  const written = async () =>
    /^[0-9A-Z]{5}-[0-9A-Z]{5}\r$/m
      .exec(await readFile(path.join(bootDir, 'webizen-setup-code.txt'), 'utf8'))?.[0]
      .trim() ?? '';
  const boot = (value: unknown) => writeFile(path.join(bootDir, 'webizen.json'), JSON.stringify(value));

  const nowhere = await open(dataDir);
  t.notOk(nowhere.factory.hasSetupCode(), 'without a boot partition nobody could be told');
  t.notOk(await nowhere.factory.verifySetupCode(newSetupCode()));
  const first = await open(dataDir, bootDir);
  const code = await written();
  t.equal(first.factory.setupCodeSource(), 'made');
  t.ok(await first.factory.verifySetupCode(code));
  t.equal(first.factory.idevid(), undefined);
  t.notMatch(await readFile(path.join(dataDir, 'factory/setup-code.json'), 'utf8'), code.replace('-', ''));
  const again = await open(dataDir, bootDir);
  t.equal(await written(), code, 'it stays');
  t.ok(await again.factory.verifySetupCode(code));
  t.equal(again.factory.name(), nowhere.factory.name(), 'and so does the name');

  const own = newSetupCode();
  const claimCode = newClaimCode();
  await boot({ setupCode: own.toLowerCase(), territory: 'kowhai', claimCode });
  const chosen = await open(dataDir, bootDir);
  t.same(chosen.factory.boot(), { setupCode: own.toLowerCase(), territory: 'kowhai', claimCode });
  t.equal(chosen.factory.setupCodeSource(), 'webizen.json');
  t.ok(await chosen.factory.verifySetupCode(own));
  t.notOk(await chosen.factory.verifySetupCode(code), 'the old one is no more');
  await rm(path.join(bootDir, 'webizen.json'));
  t.ok(await (await open(dataDir, bootDir)).factory.verifySetupCode(own), 'taken out of the card, it still counts');

  await boot({ setupCode: 'my-cat', extra: 1, claimCode: 7 });
  const faulty = await open(dataDir, bootDir);
  t.match(faulty.refused, [{ code: 'boot-file-invalid', detail: /extra.*|claimCode/ }]);
  t.same(faulty.factory.boot(), {});
  t.ok(await faulty.factory.verifySetupCode(own), 'and the box starts as it was');
  const absent = await open(path.join(await ownFolder(t), 'd'), path.join(bootDir, 'not-mounted'));
  t.match(absent.refused, [{ code: 'boot-unwritable' }]);
  t.notOk(absent.factory.hasSetupCode());
});

t.test('webizen.json is refused with every fault by its name', async (t) => {
  const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
  t.same(parseBootFile(Buffer.from('\ufeff{}')), {}, 'as an editor on Windows saves it');
  t.throws(() => parseBootFile(bytes({ setupCode: 'nope', claimCode: 'nope' })), {
    code: 'boot-file-invalid',
    detail:
      '/setupCode is not such a code: its length or its check character is wrong; /claimCode is not such a code: its length or its check character is wrong',
  });
  t.throws(() => parseBootFile(bytes({ territory: 'Not An Id' })), { name: 'Refusal', detail: /^\/territory / });
  t.throws(() => parseBootFile(Buffer.alloc(70_000, ' ')), refusal('boot-file-invalid'));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.jsonValue().map(bytes)), (given) => {
      try {
        parseBootFile(given);
      } catch (error) {
        t.match(error, refusal('boot-file-invalid'));
      }
    }),
  );
});

t.test('a label’s code stands, whatever the boot partition says', async (t) => {
  const made = await someMaker(t);
  const box = await madeBox(t, 'WZ-0001', made);
  const bootDir = await ownFolder(t);
  await factoryInstall({ files, dataDir: box.dataDir, from: box.from, at: now });
  const other = newSetupCode();
  await writeFile(path.join(bootDir, 'webizen.json'), JSON.stringify({ setupCode: other }));
  const { factory } = await open(box.dataDir, bootDir);
  t.ok(await factory.verifySetupCode(box.code));
  t.notOk(await factory.verifySetupCode(other));
  await t.rejects(stat(path.join(bootDir, 'webizen-setup-code.txt')), { code: 'ENOENT' });
});

t.test('the Wi-Fi password is the label’s; a label from before has none, and stays good', async (t) => {
  const made = await someMaker(t);
  const box = await madeBox(t, 'WZ-0001', made);
  const file = path.join(box.from, 'wifi-password.txt');
  const printed = await readFile(file, 'utf8');
  const bootDir = await ownFolder(t);
  const install = () => factoryInstall({ files, dataDir: box.dataDir, from: box.from, at: now });
  await writeFile(file, 'two words and a line\nmore');
  await t.rejects(install(), refusal('wifi-password-invalid'));
  await rm(file);
  await install();
  const older = (await open(box.dataDir, bootDir)).factory;
  t.ok(await older.verifySetupCode(box.code));
  const password = older.wifiPassword() ?? '';
  t.match(password, /^[0-9a-z]{5}(-[0-9a-z]{5}){2}$/);
  const paper = await readFile(path.join(bootDir, 'webizen-setup-code.txt'), 'latin1');
  t.match(paper, password, 'whoever holds the card can read it');
  t.equal((await open(box.dataDir, bootDir)).factory.wifiPassword(), password);
  t.equal((await open(box.dataDir)).factory.wifiPassword(), password);
  await writeFile(file, printed);
  await install();
  t.equal((await open(box.dataDir, bootDir)).factory.wifiPassword(), printed.trim());
});
