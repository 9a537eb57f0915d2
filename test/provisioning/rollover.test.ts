/** A CA that is rolled: cut at every file, and seen by who holds one root alone. */

import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { systemClock } from '#common/clock.js';
import { type Files, files } from '#common/files.js';
import { acceptedAuthorities } from '#common/pki/authorities.js';
import { makeCsr, parseCsr } from '#common/pki/csr.js';
import { newPrivateKey, signerOf } from '#common/pki/keys.js';
import { heldAuthorities } from '../../agent/enrolment/chain.js';
import { checkLists } from '../../provisioning/broker/helper.js';
import { openCa } from '../../provisioning/ca/ca.js';
import { readGenerations } from '../../provisioning/ca/generations.js';
import { createCa, rollIssuing, rollRoot } from '../../provisioning/ca/make.js';
import { ownFolder } from '../support/folder.js';
import { runCommand } from '../support/provider.js';

const territory = { id: 'test', name: 'Test' };
const clock = systemClock;

/** Stops for ever before the nth write, as a pulled plug does. */
function cutBefore(count: number): Files {
  let left = count;
  return {
    ...files,
    async write(...wish) {
      if (left-- <= 0) throw new Error('cut');
      await files.write(...wish);
    },
  };
}

const csr = async () => parseCsr(await makeCsr({ commonName: 'new-box', signer: signerOf(newPrivateKey()) }));
const roots = async (directory: string) =>
  (await readGenerations(files, directory)).roots.map((one) => one.certificate);

t.test(
  'a rollover that is cut before any of its files leaves a CA that serves, and is completed by doing it again',
  async (t) => {
    for (const kind of ['issuing', 'root'] as const) {
      let cuts = 0;
      for (let count = 0; ; count += 1) {
        const directory = await ownFolder(t);
        await createCa({ files, clock, directory, territory });
        const roll = (its: Files, again: boolean) =>
          (kind === 'root' ? rollRoot : rollIssuing)({ files: its, clock, directory, territory, again });
        const [first] = await roots(directory);
        const cut = await roll(cutBefore(count), true).then(
          () => false,
          () => true,
        );
        const ca = await openCa({ files, clock, directory, leafLifetimeSeconds: 60 });
        const leaf = new X509Certificate(Buffer.from((await ca.issue('box-00000000', await csr())).der, 'base64'));
        const { below } = acceptedAuthorities([first!], ca.authorities, clock.now());
        t.ok(
          below.some((one) => leaf.checkIssued(one) && leaf.verify(one.publicKey)),
          `${kind} cut before file ${count}`,
        );
        await roll(files, true);
        const { roots: made, issuing } = await readGenerations(files, directory);
        t.ok(issuing[0]?.certificate.verify(made[0]!.certificate.publicKey), 'the newest is under the newest');
        if (!cut) break;
        t.equal(made.length, kind === 'root' ? 2 : 1, 'one generation more, not two');
        cuts += 1;
      }
      t.ok(cuts >= (kind === 'root' ? 6 : 2), `${kind}: ${cuts} cuts`);
    }
  },
);

t.test('done again by mistake it is refused, and without the key of the root too', async (t) => {
  const directory = await ownFolder(t);
  const rootOut = path.join(await ownFolder(t), 'root.key');
  await createCa({ files, clock, directory, territory, rootOut });
  const place = { files, clock, directory, territory };
  await t.rejects(readFile(path.join(directory, 'ca/root.key')), { code: 'ENOENT' });
  await t.rejects(rollIssuing({ ...place, again: true }), { code: 'root-key-missing' });
  await t.rejects(rollIssuing({ ...place, again: false, rootKey: rootOut }), { code: 'ca-rolled-lately' });
  await t.rejects(rollRoot({ ...place, again: true, rootKey: rootOut }), { code: 'arguments-invalid' });
  await t.rejects(rollRoot({ ...place, again: true, rootKey: rootOut, rootOut }), { code: 'root-key-wrong' });
  const wrong = path.join(directory, 'ca/issuing.key');
  await t.rejects(rollIssuing({ ...place, again: true, rootKey: wrong }), { code: 'root-key-wrong' });
  t.equal(await rollIssuing({ ...place, again: true, rootKey: rootOut }), 2);
});

t.test(
  'a new root is accepted over the bridge from one that is held, however many lie between, and never else',
  async (t) => {
    const [directory, foreign] = [await ownFolder(t), await ownFolder(t)];
    const place = { files, clock, territory, again: true };
    for (const place of [directory, foreign]) await createCa({ files, clock, directory: place, territory });
    for (const _ of [1, 2]) await rollRoot({ ...place, directory });
    await rollRoot({ ...place, directory: foreign });
    const [third, second, first] = await roots(directory);
    const ca = await openCa({ files, clock, directory, leafLifetimeSeconds: 60 });
    const other = await openCa({ files, clock, directory: foreign, leafLifetimeSeconds: 60 });
    const now = clock.now();
    const accepted = (held: X509Certificate, shown: readonly X509Certificate[], at = now) =>
      acceptedAuthorities([held], shown, at).roots.map(({ fingerprint256 }) => fingerprint256);
    const all = [first!, second!, third!].map(({ fingerprint256 }) => fingerprint256).sort();
    t.strictSame(accepted(first!, ca.authorities).sort(), all);
    t.strictSame(accepted(first!, ca.authorities.toReversed()).sort(), all, 'in any order');
    t.strictSame(
      accepted(first!, other.authorities),
      [first!.fingerprint256],
      'a stranger of the same name is none of ours',
    );
    const withoutBridges = ca.authorities.filter((one) => one.checkIssued(one));
    t.strictSame(accepted(first!, withoutBridges), [first!.fingerprint256], 'a root alone vouches for nothing');
    t.strictSame(accepted(first!, ca.authorities, 0), [first!.fingerprint256], 'nor does a bridge that is not valid');

    // What the box itself goes by once it holds roots.
    const refused = { code: 'ca-mismatch' };
    t.throws(() => heldAuthorities([first!], other.authorities), refused, 'a stranger');
    t.throws(
      () => heldAuthorities([first!], withoutBridges.slice(0, 1)),
      refused,
      'a new root that nobody vouches for',
    );
    const newestAlone = ca.authorities.filter((one) => one.checkIssued(third!));
    const { anchors } = heldAuthorities([first!, third!], newestAlone);
    t.equal(anchors.length, 2, 'where the newest is held the old one and the bridges may go');
  },
);

t.test('what is written for mosquitto after a roll is what OpenSSL finds a way through', async (t) => {
  const folder = await ownFolder(t);
  const place = (name: string) => path.join(folder, name);
  const provider = (...args: string[]) => {
    const { status, stderr } = runCommand('webizen-provider', args);
    t.equal(status, 0, stderr);
  };
  const named = ['--territory', 'test', '--name', 'Test', '--jurisdiction', 'AU-NSW', '--law', 'New South Wales'];
  provider('init', '--dir', place('d'), ...named);
  const keys = ['--root-key', place('d/ca/root.key'), '--root-out', place('new.key')];
  provider('ca', 'roll', 'root', '--dir', place('d'), '--again', ...keys);
  provider('broker', 'config', 'mosquitto', '--dir', place('d'), '--out', place('m'), '--host', 'localhost');
  // As mosquitto does it: bridges among what is trusted lead OpenSSL from one root to the other and back for ever.
  const trust = ['-x509_strict', '-crl_check', '-CAfile', place('m/ca.crt'), '-CRLfile', place('m/crl.pem')];
  const { status, stderr } = spawnSync('openssl', ['verify', ...trust, place('m/server.crt')], { encoding: 'utf8' });
  t.equal(status, 0, stderr);
});

t.test(
  'a revocation list takes the place of another only when it is newer, has not run out, and none is missing',
  async (t) => {
    const crl = (number: number, over: object = {}) => ({
      ...{ issuer: Buffer.alloc(0), number: BigInt(number), thisUpdate: 1000, nextUpdate: 9000 },
      ...{ revoked: new Map(), authorityKeyId: undefined, signedBy: () => true, ...over },
    });
    const before = new Map([['a', crl(5)]]);
    const judge = (after: [string, ReturnType<typeof crl>][]) => () => checkLists(before, new Map(after), 2000);
    t.doesNotThrow(judge([['a', crl(5)]]), 'the same may come again');
    t.doesNotThrow(
      judge([
        ['a', crl(6)],
        ['b', crl(1)],
      ]),
    );
    t.throws(judge([]), { code: 'crl-refused' });
    t.throws(judge([['a', crl(4)]]), { code: 'crl-refused' });
    t.throws(judge([['b', crl(9)]]), { code: 'crl-refused' });
    t.throws(judge([['a', crl(6, { nextUpdate: 1500 })]]), { code: 'crl-refused' });
    t.throws(judge([['a', crl(6, { thisUpdate: 9_000_000, nextUpdate: 9_900_000 })]]), { code: 'crl-refused' });
  },
);
