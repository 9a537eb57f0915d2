/** Boxes of a territory that have come in without a network between: straight into its store, before anything runs. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { keyHash, keyToPem, newPrivateKey, signerOf, spkiOf } from '#common/pki/keys.js';
import { certificateToPem } from '#common/pki/pem.js';
import { openCa } from '../../provisioning/ca/ca.js';
import { openRooms } from '../../provisioning/rooms.js';
import type { Admission } from '../../provisioning/store/fleet.js';

export interface Identity {
  id: string;
  /** PEM. */
  key: string;
  cert: string;
  ca: string;
}

export async function enterBoxes(
  directory: string,
  count: number,
): Promise<{ boxes: Identity[]; admissions: Map<string, Admission> }> {
  const rooms = await openRooms({ directory, files, clock: systemClock });
  try {
    const ca = await readFile(path.join(directory, 'ca/root.crt'), 'utf8');
    const { below } = await openCa({ files, clock: systemClock, directory, leafLifetimeSeconds: 86_400 });
    const boxes: Identity[] = [];
    const admissions = new Map<string, Admission>();
    for (let place = 0; place < count; place += 1) {
      const key = newPrivateKey();
      const csr = { spki: spkiOf(signerOf(key).publicKey), keyHash: keyHash(signerOf(key).publicKey) };
      const { box, certificate } = await rooms.boxes.enter(csr, { admittedBy: 'request', how: 'by a test' });
      const cert = certificateToPem(Buffer.from(certificate.der, 'base64')) + below;
      boxes.push({ id: box, key: keyToPem(key), cert, ca });
      const { serial, notAfter } = certificate;
      admissions.set(box, { enrolledAt: Date.now(), certificate: { serial, notAfter } });
    }
    return { boxes, admissions };
  } finally {
    await rooms.close();
  }
}
