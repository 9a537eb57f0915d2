// What a server does with an attestation: the claims, or an error. `root` is the certificate that the territory publishes.
// From a shell: node verify.mjs ROOT.pem AUDIENCE < token
import { verify, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';

export function verifyAttestation(token, { root, audience, nonce, now = Date.now() }) {
  const [head, body, signature] = token.trim().split('.');
  const read = (part) => JSON.parse(Buffer.from(part, 'base64url').toString());
  const must = (fine, what) =>
    fine ||
    (() => {
      throw new Error(what);
    })();
  const { alg, typ, x5c } = read(head);
  must(alg === 'ES256' && typ === 'webizen-attestation+jwt', 'not an attestation');
  const [leaf, ...others] = x5c.map((der) => new X509Certificate(Buffer.from(der, 'base64')));
  const isValid = (one) => Date.parse(one.validFrom) <= now && now <= Date.parse(one.validTo);
  for (
    let one = leaf;
    must(isValid(one), 'expired certificate') && !(one.checkIssued(root) && one.verify(root.publicKey));
  ) {
    const next = others.findIndex((ca) => ca.ca && one.checkIssued(ca) && one.verify(ca.publicKey));
    must(next >= 0, 'not a box of this territory');
    [one] = others.splice(next, 1);
  }
  const key = { key: leaf.publicKey, dsaEncoding: 'ieee-p1363' };
  must(verify('sha256', Buffer.from(`${head}.${body}`), key, Buffer.from(signature, 'base64url')), 'forged');
  const claims = read(body);
  must(claims.aud === audience && claims.nonce === nonce, 'made for somebody else');
  must(claims.iat * 1000 <= now + 60_000 && now < claims.exp * 1000, 'too old');
  must(leaf.subject.split('\n').includes(`CN=${claims.box}`), 'another box');
  return claims;
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const [, , root, audience] = process.argv;
  const claims = verifyAttestation(readFileSync(0, 'utf8'), {
    root: new X509Certificate(readFileSync(root)),
    audience,
  });
  console.log(JSON.stringify(claims, null, 2));
}
