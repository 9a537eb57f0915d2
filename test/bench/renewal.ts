/**
 * A whole fleet renews at once: each box over a new mutual TLS connection with its own certificate, once, against a bare
 * https server with the same TLS and answers of the same size.
 */
import { createSecureContext } from 'node:tls';
import { makeCsr } from '#common/pki/csr.js';
import { keyToPem, newPrivateKey, signerOf } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import { commonNameOf } from '#common/pki/subject.js';
import { type Conditions, type Figure, figure } from './compare.js';
import { estRequest, leafOf, type Territory } from './territory.js';
import { type Once, rateOf } from './tls.js';
import { part, type Workshop } from './workshop.js';

const atOnce = 16;

export async function renewal(workshop: Workshop, territory: Territory, { boxes, say }: Conditions): Promise<Figure[]> {
  const key = newPrivateKey();
  const signer = signerOf(key);
  const keyPem = keyToPem(key);
  const newBox = await makeCsr({ commonName: 'new-box', signer });
  const renewals: Once[] = [];
  const claims = await territory.claims(boxes);
  const port = territory.estPort;
  const enrolments = claims.map((claim) => ({
    port,
    context: territory.context,
    request: estRequest('simpleenroll', newBox, claim),
  }));
  const leaves: Buffer[] = [];
  await rateOf(enrolments, atOnce, (answer, index) => {
    leaves[index] = answer;
  });
  for (const answer of leaves) {
    const leaf = leafOf(answer);
    const csr = await makeCsr({ commonName: commonNameOf(leaf) ?? '', signer });
    const context = createSecureContext({ ca: territory.root, key: keyPem, cert: certificateToPem(leaf.raw) });
    renewals.push({ port, context, request: estRequest('simplereenroll', csr) });
  }
  const bare = await workshop.serve([part('bare-est'), territory.directory, String(leaves[0]?.length)]);
  const barePort = Number(bare.said[0]);
  const half = Math.ceil(boxes / 2); // the bare one before and after, so that a machine that slows down slows both
  const toBare = (list: Once[]) => list.map((one) => ({ ...one, port: barePort }));
  const before = await rateOf(toBare(renewals.slice(0, half)), atOnce, () => {});
  const value = await rateOf(renewals, atOnce, () => {});
  const after = await rateOf(toBare(renewals.slice(half)), atOnce, () => {});
  await bare.stop();
  say(`est.renewal: ${boxes} boxes in ${(boxes / value).toFixed(1)} s`);
  return [figure('est.renewal', 'requests/s', { value, reference: (before + after) / 2 })];
}
