/**
 * Who may come in: a box is known by the very certificate that stands in the store, not by what a chain proves.
 *
 * TLS has shown that the peer holds the key; comparing whole certificates then settles chain, revocation and succession
 * at once, and needs no grant from node's `authorizationError`, which hides a rogue chain behind an expired date.
 */
import type { X509Certificate } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Csr } from '#common/pki/csr.js';
import { isBoxId } from '#contract/box-id.js';
import type { Leave, LeaveAnswer } from '#contract/leave.js';
import type { FactoryIdentity } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import { type BoxRecord, type CertificateRecord, factoryKey } from '../store/boxes.js';
import type { LifeRecord } from '../store/lives.js';
import type { Store } from '../store/store.js';
import type { Turns } from '../store/turns.js';
import { createEndings, type Endings } from './end.js';
import { createEnter, type Enter } from './enter.js';
import type { Readmission } from './readmission.js';

export interface Boxes extends Endings {
  /**
   * The id of the box that holds this certificate. Seeing a renewed one in use makes it the current one.
   * @throws Refusal `certificate-foreign`, `certificate-expired`, `certificate-superseded`, `box-revoked`, `box-left`
   */
  admit(certificate: X509Certificate): Promise<string>;
  /**
   * The next certificate (DER) of the box that holds this one, which may have expired while the box was in a drawer.
   * The same key gets the same certificate again, until it has been seen in use.
   * @throws Refusal as `admit`, but for `certificate-expired`; `csr-subject`, `renewal-used`, `renewal-too-late`
   */
  renew(certificate: X509Certificate, csr: Csr): Promise<Buffer>;
  enter: Enter;
  /** Whether it is let in at all. @throws Refusal `factory-barred` */
  checkDevice(factory: FactoryIdentity): Promise<void>;
  /** @throws Refusal as `admit`; who has left may say so again */
  leave(certificate: X509Certificate, leave: Leave): Promise<LeaveAnswer>;
  /** Each box that ends, whatever ends it. Answers the way to end the subscription. */
  onEnded(listener: (box: string) => void): () => void;
}

export interface BoxEvents {
  record(event: { type: string; box?: string | undefined; text: string }): void;
}

export function createBoxes({
  store,
  clock,
  turns,
  events,
  isOurs,
  readmission,
  issue,
  renewalGrace,
  revoked,
  lifeOf,
}: {
  store: Store;
  clock: Clock;
  turns: Turns;
  events: BoxEvents;
  /** Whether one of the territory's authorities signed it: tells an old certificate of ours from a stranger's. */
  isOurs: (certificate: X509Certificate) => boolean;
  issue: (box: string, csr: Pick<Csr, 'spki' | 'keyHash'>) => Promise<CertificateRecord>;
  /** Milliseconds after its end that a certificate still serves for renewal. */
  renewalGrace: () => number;
  /** Resolves when the revocation list names what the store now says. */
  revoked: () => Promise<void>;
  /** What the box has said of itself. */
  lifeOf: (box: string) => Promise<LifeRecord | undefined>;
  /** Of boxes that a restore from a backup has forgotten. */
  readmission: Readmission;
}): Boxes {
  const { boxes } = store;
  const listeners = new Set<(box: string) => void>();
  const put = (key: string, value: BoxRecord) => store.commit([{ type: 'put', sublevel: boxes, key, value }]);

  async function ended(box: string): Promise<void> {
    for (const listener of listeners) listener(box);
    await revoked();
  }

  /** The id that the certificate claims; nothing is proven by it. */
  function idIn(presented: X509Certificate): string {
    const id = /^CN=([^\n]*)$/.exec(presented.subject)?.[1];
    if (!isBoxId(id)) throw new Refusal('certificate-foreign');
    return id;
  }

  /** Of a box that lives or has ended. Whose certificate it is comes first: no date or state says more to a stranger. */
  function known(presented: X509Certificate, id: string): { record: BoxRecord; isNext: boolean } {
    const record = boxes.getSync(id); // every connection passes here: the hop to a thread costs more than the read
    if (!record) throw new Refusal('certificate-foreign');
    const der = presented.raw.toString('base64');
    const isNext = record.next?.der === der;
    if (!isNext && record.certificate.der !== der)
      throw new Refusal(isOurs(presented) ? 'certificate-superseded' : 'certificate-foreign', id);
    return { record, isNext };
  }

  function recognise(presented: X509Certificate, id: string): { record: BoxRecord; isNext: boolean } {
    const found = known(presented, id);
    const { revokedAt, revocation } = found.record;
    if (revokedAt === undefined) return found;
    throw new Refusal(
      revocation?.reason === 'left' ? 'box-left' : 'box-revoked',
      revocation?.text === undefined ? id : `${id}: ${revocation.text}`,
    );
  }

  function checkDates(presented: X509Certificate, id: string): void {
    const now = clock.now();
    if (now > Date.parse(presented.validTo)) throw new Refusal('certificate-expired', id);
    if (now < Date.parse(presented.validFrom)) throw new Refusal('certificate-foreign', `${id}: not valid yet`);
  }

  /** The record with its next certificate as the current one. */
  function promoted(id: string, { next, ...record }: BoxRecord): BoxRecord {
    if (!next) return record;
    events.record({ type: 'renewed', box: id, text: `uses its renewed certificate ${next.serial}` });
    const { serial, notAfter } = record.certificate;
    const previous = [...(record.previous ?? []), { serial, notAfter }].filter((old) => old.notAfter > clock.now());
    return { ...record, certificate: next, previous };
  }

  const { leave, ...endings } = createEndings({ store, clock, turns, events, ended, lifeOf });

  return {
    ...endings,
    enter: createEnter({ store, clock, turns, events, issue, ended }),

    async checkDevice(factory) {
      if ((await store.factories.get(factoryKey(factory)))?.barred) throw new Refusal('factory-barred', factory.serial);
    },

    async admit(presented) {
      const id = idIn(presented);
      await readmission.consider(presented, id);
      const { isNext } = recognise(presented, id);
      checkDates(presented, id);
      if (!isNext) return id;
      return turns.take(id, async () => {
        const again = recognise(presented, id);
        if (again.isNext) await put(id, promoted(id, again.record));
        return id;
      });
    },

    async renew(presented, csr) {
      const id = idIn(presented);
      return turns.take(id, async () => {
        await readmission.consider(presented, id);
        const { record, isNext } = recognise(presented, id);
        if (clock.now() > Date.parse(presented.validTo) + renewalGrace()) throw new Refusal('renewal-too-late', id);
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

    async leave(presented, wish) {
      const id = idIn(presented);
      const hasLeft = known(presented, id).record.revocation?.reason === 'left';
      if (!hasLeft) recognise(presented, id);
      checkDates(presented, id);
      return leave(id, wish);
    },

    onEnded(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
