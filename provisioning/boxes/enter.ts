/**
 * A new box. A device with a factory identity is one box at a time: when it enrols with another key, it was reset, and
 * the box that it was before ends in the same write. A device whose box an operator revoked stays out.
 */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { Csr } from '#common/pki/csr.js';
import { newBoxId } from '#contract/box-id.js';
import type { AdmittedBy, FactoryIdentity } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import { type BoxRecord, type CertificateRecord, type FactoryRecord, factoryKey } from '../store/boxes.js';
import type { Store } from '../store/store.js';
import type { Turns } from '../store/turns.js';
import { endOperations } from './revocations.js';

export interface Entry {
  admittedBy: AdmittedBy;
  /** Id of the claim. */
  claim?: string;
  /** Proven by its key. */
  factory?: FactoryIdentity | undefined;
  /** For the event: `with claim 0123456789ab`. */
  how: string;
}

export interface Entered {
  box: string;
  certificate: CertificateRecord;
}

/**
 * Everything is written together with what `also` adds, which is asked once the certificate is known.
 * @throws Refusal `factory-barred`, `voucher-used`
 */
export type Enter = (
  csr: Pick<Csr, 'spki' | 'keyHash'>,
  entry: Entry,
  also?: (entered: Entered) => Operation[],
) => Promise<Entered>;

/** Turns are taken in this order and no other: claim or request, device, box. */
export const factoryTurn = (factory: FactoryIdentity): string => `factory ${factoryKey(factory)}`;

export function createEnter({
  store,
  clock,
  turns,
  events,
  issue,
  ended,
}: {
  store: Store;
  clock: Clock;
  turns: Turns;
  events: { record(event: { type: string; box?: string | undefined; text: string }): void };
  issue: (box: string, csr: Pick<Csr, 'spki' | 'keyHash'>) => Promise<CertificateRecord>;
  /** Told when a box has ended. */
  ended: (box: string) => Promise<void>;
}): Enter {
  const { boxes, factories } = store;

  async function enterNew(
    csr: Pick<Csr, 'spki' | 'keyHash'>,
    { admittedBy, claim = '', factory, how }: Entry,
    also: ((entered: Entered) => Operation[]) | undefined,
    before: (box: string) => Operation[] = () => [],
  ): Promise<Entered> {
    const box = newBoxId();
    const certificate = await issue(box, csr);
    const value: BoxRecord = { enrolledAt: clock.now(), claim, admittedBy, ...(factory && { factory }), certificate };
    await store.commit([
      { type: 'put', sublevel: boxes, key: box, value },
      ...before(box),
      ...(also?.({ box, certificate }) ?? []),
    ]);
    const device = factory ? `, device ${factory.serial} of ${factory.maker}` : '';
    events.record({ type: 'enrolled', box, text: `enrolled ${how}${device}` });
    return { box, certificate };
  }

  async function enterDevice(
    csr: Pick<Csr, 'spki' | 'keyHash'>,
    entry: Entry,
    factory: FactoryIdentity,
    also?: (entered: Entered) => Operation[],
  ) {
    const key = factoryKey(factory);
    const known = await factories.get(key);
    if (known?.barred) throw new Refusal('factory-barred', factory.serial);
    const byVoucher = entry.admittedBy === 'voucher';
    const held = async (old: string | undefined): Promise<Entered> => {
      const record = old === undefined ? undefined : await boxes.get(old);
      const lives = record !== undefined && record.revokedAt === undefined;
      // A lost reply is asked for again; claims and requests remember their own.
      const repeats = lives && record.certificate.keyHash === csr.keyHash && clock.now() < record.certificate.notAfter;
      if (old !== undefined && repeats && (byVoucher || entry.admittedBy === 'maker'))
        return { box: old, certificate: record.certificate };
      if (byVoucher && known?.voucherKeyHash !== undefined) throw new Refusal('voucher-used', factory.serial);
      const entered = await enterNew(csr, entry, also, (box) => {
        const value: FactoryRecord = { ...known, box, ...(byVoucher && { voucherKeyHash: csr.keyHash }) };
        const end = { at: clock.now(), reason: 'superseded', to: box } as const;
        return [
          { type: 'put', sublevel: factories, key, value },
          ...(lives && old !== undefined ? endOperations(store, old, record, end) : []),
        ];
      });
      if (lives && old !== undefined) {
        const text = `its device has enrolled anew as ${entered.box}: this one is refused from now on`;
        events.record({ type: 'superseded', box: old, text });
        await ended(old);
      }
      return entered;
    };
    return known ? turns.take(known.box, () => held(known.box)) : held(undefined);
  }

  return async (csr, entry, also) => {
    const { factory } = entry;
    if (!factory) return enterNew(csr, entry, also);
    return turns.take(factoryTurn(factory), () => enterDevice(csr, entry, factory, also));
  };
}
