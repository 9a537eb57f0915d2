/**
 * Path validations a second of leaf, issuing CA and root, against the two bare signature checks. The leaf is read anew
 * each time, as it comes with each connection; the CAs are held.
 */
import { X509Certificate } from 'node:crypto';
import { createIssuer, issueBox, issueIntermediate, issueRoot } from '#common/pki/certificate.js';
import { newPrivateKey, signerOf, spkiOf } from '#common/pki/keys.js';
import { validatePath } from '#common/pki/path.js';
import { type Conditions, type Figure, figure, inTurns } from './compare.js';

const day = 86_400_000;

export async function path({ short, say }: Conditions): Promise<Figure[]> {
  const at = Date.now();
  const validity = { notBefore: at - day, notAfter: at + day };
  const rootSigner = signerOf(newPrivateKey());
  const root = new X509Certificate(
    await issueRoot({ subject: { commonName: 'root' }, signer: rootSigner, ...validity }),
  );
  const signer = signerOf(newPrivateKey());
  const subject = { commonName: 'issuing' };
  const issuer = createIssuer({ certificate: root, signer: rootSigner });
  const issuing = new X509Certificate(
    await issueIntermediate(issuer, { subject, spki: spkiOf(signer.publicKey), ...validity }),
  );
  const spki = spkiOf(signerOf(newPrivateKey()).publicKey);
  const { der } = await issueBox(createIssuer({ certificate: issuing, signer }), {
    ...{ commonName: 'box-12345678', spki },
    ...validity,
  });

  const ours = (leaf: X509Certificate) =>
    validatePath({ chain: [leaf, issuing], anchors: [root], at, purpose: 'clientAuth' }).ok;
  const bare = (leaf: X509Certificate) => leaf.verify(issuing.publicKey) && issuing.verify(root.publicKey);
  const count = short ? 200 : 2000;
  const rateOf = (check: (leaf: X509Certificate) => boolean) => async () => {
    const began = performance.now();
    for (let done = 0; done < count; done += 1)
      if (!check(new X509Certificate(der))) throw new Error('a good path is refused');
    return (count * 1000) / (performance.now() - began);
  };
  await rateOf(ours)();
  const pair = await inTurns(short ? 3 : 9, rateOf(ours), rateOf(bare));
  say(
    `path.check: ${(1000 / pair.value).toFixed(2)} ms a path, two bare signature checks ${(1000 / pair.reference).toFixed(2)} ms`,
  );
  return [figure('path.check', 'paths/s', pair)];
}
