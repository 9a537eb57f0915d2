/**
 * After a restore the store has forgotten what happened since the backup: boxes that enrolled or renewed in between show
 * certificates that it does not know. Such a box is taken back by its certificate alone, if one of our CAs signed it
 * between the two moments, it has not run out, no list names it, and the box is not revoked. Each is told as an event.
 */
import type { X509Certificate } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import { keyHash } from '#common/pki/keys.js';
import type { BoxRecord } from '../store/boxes.js';
import type { Store } from '../store/store.js';

export interface Readmission {
  /** Puts the box's record right where the restore took it back; does nothing for any other. */
  consider(presented: X509Certificate, id: string): Promise<void>;
}

/** Certificates are valid from a little before they are made. */
const backdated = 10 * 60_000;

export function createReadmission({
  store,
  clock,
  events,
  isOurs,
}: {
  store: Store;
  clock: Clock;
  events: { record(event: { type: string; box?: string | undefined; text: string }): void };
  isOurs: (certificate: X509Certificate) => boolean;
}): Readmission {
  // A restore does not come while the store is open: asked for once.
  let asked: Promise<{ at: number; backupAt: number } | undefined> | undefined;

  return {
    async consider(presented, id) {
      asked ??= store.restorations.get('last');
      const restored = await asked;
      if (!restored) return;
      const from = Date.parse(presented.validFrom);
      if (from < restored.backupAt - backdated || from > restored.at) return;
      const record = store.boxes.getSync(id);
      const der = presented.raw.toString('base64');
      if (record && (record.revokedAt !== undefined || record.certificate.der === der || record.next?.der === der))
        return;
      // One that the store has seen replaced since is not the newest.
      if (record && Date.parse(presented.validTo) <= record.certificate.notAfter) return;
      const isKnownRevoked = store.revocations.getSync(presented.serialNumber) !== undefined;
      if (isKnownRevoked || !isOurs(presented) || clock.now() > Date.parse(presented.validTo)) return;
      const certificate = {
        serial: presented.serialNumber,
        notAfter: Date.parse(presented.validTo),
        keyHash: keyHash(presented.publicKey),
        der,
      };
      const { next: _next, ...kept } = record ?? { enrolledAt: from, claim: '' };
      const value: BoxRecord = { ...kept, certificate };
      await store.commit([{ type: 'put', sublevel: store.boxes, key: id, value }]);
      const how = record ? 'renewed' : 'enrolled';
      events.record({
        type: 'readmitted',
        box: id,
        text: `${how} after the backup of ${new Date(restored.backupAt).toISOString()}: known again by its certificate`,
      });
    },
  };
}
