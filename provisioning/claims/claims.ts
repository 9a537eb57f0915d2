/** Claim codes: what an operator hands out so that one box may enrol. */
import type { Clock } from '#common/clock.js';
import type { Csr } from '#common/pki/csr.js';
import { claimCodeHash, newClaimCode, parseClaimCode } from '#contract/claim-code.js';
import type { Claim, CreatedClaim, FactoryIdentity, NewClaim } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import type { Enter } from '../boxes/enter.js';
import type { ClaimRecord } from '../store/claims.js';
import type { Store } from '../store/store.js';
import type { Turns } from '../store/turns.js';

export interface Claims {
  /** The code is in the answer and nowhere else: the store keeps its hash. */
  create(wish: NewClaim): Promise<CreatedClaim>;
  list(): Promise<Claim[]>;
  /** A used claim can be revoked too: it ends the repeat of its certificate. @throws Refusal `claim-id-unknown` */
  revoke(id: string): Promise<void>;
}

export interface Redemption {
  /**
   * One claim, one key: claim, key, box id and certificate are written together, so that a lost reply can be asked for
   * again. Takes outside bytes: the code as it was typed. Answers the certificate as DER.
   * @throws Refusal `claim-malformed`, `claim-unknown`, `claim-used`, `claim-expired`, `claim-revoked`, `box-revoked`,
   *   `factory-barred`
   */
  redeem(code: string, csr: Csr, factory?: FactoryIdentity): Promise<Buffer>;
  /** What an operator called an unused claim that exists, whether it still serves or not. */
  labelOf(code: string): string | undefined;
}

export interface ClaimEvents {
  record(event: { type: string; box?: string | undefined; text: string }): void;
}

const defaultLifetimeSeconds = 7 * 86_400;
const idDigits = 12;

function claimOf(hash: string, record: ClaimRecord, now: number): Claim {
  const { label, createdAt, expiresAt, revokedAt, use } = record;
  const state = revokedAt !== undefined ? 'revoked' : use ? 'used' : now >= expiresAt ? 'expired' : 'open';
  return { id: hash.slice(0, idDigits), state, label, createdAt, expiresAt, box: use?.box ?? null };
}

export function createClaims({
  store,
  clock,
  turns,
  events,
  enter,
}: {
  store: Store;
  clock: Clock;
  turns: Turns;
  events: ClaimEvents;
  enter: Enter;
}): Claims & Redemption {
  const { claims, boxes } = store;

  /** What the claim allows without asking who asks. */
  function checkOpen(record: ClaimRecord | undefined): ClaimRecord {
    if (!record) throw new Refusal('claim-unknown');
    if (record.revokedAt !== undefined) throw new Refusal('claim-revoked');
    // A used one is told apart by its key first: "used" says more than "expired".
    if (!record.use && clock.now() >= record.expiresAt) throw new Refusal('claim-expired');
    return record;
  }

  async function repeat(record: ClaimRecord, use: NonNullable<ClaimRecord['use']>, csr: Csr): Promise<Buffer> {
    if (use.keyHash !== csr.keyHash) throw new Refusal('claim-used');
    if (clock.now() >= record.expiresAt) throw new Refusal('claim-expired');
    const box = await boxes.get(use.box);
    if (box?.revokedAt !== undefined) throw new Refusal('box-revoked', use.box);
    return Buffer.from(use.certificate, 'base64');
  }

  async function enrol(hash: string, record: ClaimRecord, csr: Csr, factory?: FactoryIdentity): Promise<Buffer> {
    const claim = hash.slice(0, idDigits);
    const how = `with claim ${claim}${record.label ? ` (${record.label})` : ''}`;
    const { certificate } = await enter(csr, { admittedBy: 'claim', claim, factory, how }, (entered) => {
      const { box, certificate } = entered;
      const use = { at: clock.now(), keyHash: csr.keyHash, box, certificate: certificate.der };
      return [{ type: 'put', sublevel: claims, key: hash, value: { ...record, use } }];
    });
    return Buffer.from(certificate.der, 'base64');
  }

  return {
    async create({ label = '', lifetimeSeconds = defaultLifetimeSeconds }) {
      const code = newClaimCode();
      const hash = claimCodeHash(parseClaimCode(code)!);
      const createdAt = clock.now();
      const record: ClaimRecord = { label, createdAt, expiresAt: createdAt + lifetimeSeconds * 1000 };
      await store.commit([{ type: 'put', sublevel: claims, key: hash, value: record }]);
      const claim = claimOf(hash, record, createdAt);
      events.record({ type: 'claim-created', text: `claim ${claim.id} created${label ? ` (${label})` : ''}` });
      return { ...claim, code };
    },

    async list() {
      const now = clock.now();
      const all = await claims.iterator().all();
      return all
        .map(([hash, record]) => claimOf(hash, record, now))
        .sort((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1));
    },

    async revoke(id) {
      const hash = /^[0-9a-f]{12}$/.test(id)
        ? (await claims.keys({ gte: id, lt: `${id}g`, limit: 1 }).all())[0]
        : undefined;
      if (hash === undefined) throw new Refusal('claim-id-unknown', id);
      await turns.take(hash, async () => {
        const record = await claims.get(hash);
        if (!record || record.revokedAt !== undefined) return;
        const value: ClaimRecord = { ...record, revokedAt: clock.now() };
        await store.commit([{ type: 'put', sublevel: claims, key: hash, value }]);
        events.record({ type: 'claim-revoked', text: `claim ${id} revoked` });
      });
    },

    async redeem(code, csr, factory) {
      const parsed = parseClaimCode(code);
      if (parsed === undefined) throw new Refusal('claim-malformed');
      const hash = claimCodeHash(parsed);
      return turns.take(hash, async () => {
        const record = checkOpen(claims.getSync(hash)); // the hop to a thread costs more than the read
        return record.use ? repeat(record, record.use, csr) : enrol(hash, record, csr, factory);
      });
    },

    labelOf(code) {
      const parsed = parseClaimCode(code);
      const record = parsed === undefined ? undefined : claims.getSync(claimCodeHash(parsed));
      return record && !record.use && record.revokedAt === undefined ? record.label : undefined;
    },
  };
}
