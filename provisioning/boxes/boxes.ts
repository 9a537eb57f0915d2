/**
 * Who may come in: a box is known by the very certificate that stands in the store, not by what a chain proves.
 *
 * TLS has shown that the peer holds the key; comparing whole certificates then settles chain, revocation and succession
 * at once, and needs no grant from node's `authorizationError`, which hides a rogue chain behind an expired date.
 */
import type { X509Certificate } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import { type Csr, parseCsr } from '#common/pki/csr.js';
import { isBoxId } from '#contract/box-id.js';
import type { BoxState } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import type { BoxRecord, CertificateRecord, Store } from '../store/store.js';
import type { Turns } from '../store/turns.js';
import type { Readmission } from './readmission.js';

export interface EnrolledBox {
  id: string;
  state: Extract<BoxState, 'enrolled' | 'revoked'>;
  enrolledAt: number;
  certificate: { serial: string; notAfter: number };
  revokedAt: number | null;
}

export interface Boxes {
  /**
   * The id of the box that holds this certificate. Seeing a renewed one in use makes it the current one.
   * @throws Refusal `certificate-foreign`, `certificate-superseded`, `box-revoked`
   */
  admit(certificate: X509Certificate): Promise<string>;
  /**
   * The next certificate (DER) of the box that holds this one, which may have expired while the box was in a drawer.
   * The same key gets the same certificate again, until it has been seen in use.
   * @throws Refusal as `admit` and `parseCsr`; `csr-subject`, `renewal-used`
   */
  renew(certificate: X509Certificate, request: Uint8Array): Promise<Buffer>;
  /** By id, from after the one named. */
  list(page: { after?: string | undefined; limit: number }): Promise<EnrolledBox[]>;
  /** @throws Refusal `box-unknown` */
  show(box: string): Promise<EnrolledBox>;
  /** Refused from now on. @throws Refusal `box-unknown` */
  revoke(box: string): Promise<void>;
}

export interface BoxEvents {
  record(event: { type: string; box?: string | undefined; text: string }): void;
}

const describe = (id: string, { enrolledAt, certificate, revokedAt }: BoxRecord): EnrolledBox => ({
  id,
  state: revokedAt === undefined ? 'enrolled' : 'revoked',
  enrolledAt,
  certificate: { serial: certificate.serial, notAfter: certificate.notAfter },
  revokedAt: revokedAt ?? null,
});

export function createBoxes({
  store,
  clock,
  turns,
  events,
  isOurs,
  readmission,
  issue,
}: {
  store: Store;
  clock: Clock;
  turns: Turns;
  events: BoxEvents;
  /** Whether one of the territory's authorities signed it: tells an old certificate of ours from a stranger's. */
  isOurs: (certificate: X509Certificate) => boolean;
  /** Of boxes that a restore from a backup has forgotten. */
  readmission: Readmission;
  issue: (box: string, csr: Csr) => Promise<CertificateRecord>;
}): Boxes {
  const { boxes } = store;
  const put = (key: string, value: BoxRecord) => store.commit([{ type: 'put', sublevel: boxes, key, value }]);

  /** The id that the certificate claims; nothing is proven by it. */
  function idIn(presented: X509Certificate): string {
    const id = /^CN=([^\n]*)$/.exec(presented.subject)?.[1];
    if (!isBoxId(id)) throw new Refusal('certificate-foreign');
    return id;
  }

  function recognise(presented: X509Certificate, id: string): { record: BoxRecord; isNext: boolean } {
    const record = boxes.getSync(id); // every connection passes here: the hop to a thread costs more than the read
    if (!record) throw new Refusal('certificate-foreign');
    const der = presented.raw.toString('base64');
    const isNext = record.next?.der === der;
    if (!isNext && record.certificate.der !== der)
      throw new Refusal(isOurs(presented) ? 'certificate-superseded' : 'certificate-foreign', id);
    if (record.revokedAt !== undefined) throw new Refusal('box-revoked', id);
    return { record, isNext };
  }

  /** The record with its next certificate as the current one. */
  function promoted(id: string, { next, ...record }: BoxRecord): BoxRecord {
    if (!next) return record;
    events.record({ type: 'renewed', box: id, text: `uses its renewed certificate ${next.serial}` });
    return { ...record, certificate: next };
  }

  return {
    async admit(presented) {
      const id = idIn(presented);
      await readmission.consider(presented, id);
      const { isNext } = recognise(presented, id);
      const now = clock.now();
      if (now > Date.parse(presented.validTo)) throw new Refusal('certificate-foreign', `${id}: it has expired`);
      if (now < Date.parse(presented.validFrom)) throw new Refusal('certificate-foreign', `${id}: not valid yet`);
      if (!isNext) return id;
      return turns.take(id, async () => {
        const again = recognise(presented, id);
        if (again.isNext) await put(id, promoted(id, again.record));
        return id;
      });
    },

    async renew(presented, request) {
      const id = idIn(presented);
      return turns.take(id, async () => {
        await readmission.consider(presented, id);
        const { record, isNext } = recognise(presented, id);
        const csr = parseCsr(request);
        if (csr.commonName !== id) throw new Refusal('csr-subject', `expected CN=${id}`);
        const current = isNext ? promoted(id, record) : record;
        const { next } = current;
        if (next?.keyHash === csr.keyHash) return Buffer.from(next.der, 'base64');
        // One that ran out unseen is spent: a box that lost that key must be able to ask with another.
        if (next && clock.now() <= next.notAfter) throw new Refusal('renewal-used', id);
        const certificate = await issue(id, csr);
        await put(id, { ...current, next: certificate });
        return Buffer.from(certificate.der, 'base64');
      });
    },

    async list({ after, limit }) {
      const range = after === undefined ? { limit } : { gt: after, limit };
      return (await boxes.iterator(range).all()).map(([id, record]) => describe(id, record));
    },

    async show(box) {
      const record = isBoxId(box) ? await boxes.get(box) : undefined;
      if (!record) throw new Refusal('box-unknown', box);
      return describe(box, record);
    },

    async revoke(box) {
      if (!isBoxId(box)) throw new Refusal('box-unknown', box);
      await turns.take(box, async () => {
        const record = await boxes.get(box);
        if (!record) throw new Refusal('box-unknown', box);
        if (record.revokedAt !== undefined) return;
        const at = clock.now();
        await store.commit([
          { type: 'put', sublevel: boxes, key: box, value: { ...record, revokedAt: at } },
          ...[record.certificate, ...(record.next ? [record.next] : [])].map(({ serial, notAfter }) => ({
            ...{ type: 'put' as const, sublevel: store.revocations, key: serial },
            value: { at, notAfter, reason: 'revoked' },
          })),
        ]);
        events.record({ type: 'revoked', box, text: 'revoked: new connections are refused' });
      });
    },
  };
}
