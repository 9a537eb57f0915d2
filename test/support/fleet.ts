/** Fleet and Claims in memory, fed by a test: the console's own tests need what they answer, not how they know it. */
import { randomUUID } from 'node:crypto';
import { newClaimCode } from '#contract/claim-code.js';
import type { AdmissionRequest, BoxDetail, Claim, StoredSample } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import type { Requests } from '../../provisioning/admission/requests.js';
import type { Claims } from '../../provisioning/claims/claims.js';
import type { Fleet } from '../../provisioning/fleet/fleet.js';
import { summaryOfDetail, withCare } from './fed-table.js';

export interface FedFleet extends Fleet {
  readonly boxes: Map<string, BoxDetail>;
  readonly samples: Map<string, StoredSample[]>;
  /** A new sample, and with it the summary's newest. */
  sample(box: string, sample: StoredSample): void;
}

export function createFedFleet(now: () => number): FedFleet {
  const boxes = new Map<string, BoxDetail>();
  const samples = new Map<string, StoredSample[]>();
  const find = (id: string): BoxDetail => {
    const box = boxes.get(id);
    if (!box) throw new Refusal('box-unknown', id);
    return box;
  };
  return {
    boxes,
    samples,
    sample(id, sample) {
      samples.set(id, [...(samples.get(id) ?? []), sample]);
      const box = find(id);
      box.health = sample;
      box.lastSeen = sample.at;
    },
    async list({ after, limit }) {
      const sorted = [...boxes.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
      return sorted
        .filter((box) => after === undefined || box.id > after)
        .slice(0, limit)
        .map((box) => summaryOfDetail(box, now()));
    },
    async show(id) {
      return withCare(find(id), now());
    },
    async health(id, { from, to, limit }) {
      find(id);
      const inRange = (samples.get(id) ?? []).filter(({ at }) => at >= from && at <= to);
      const step = Math.max(1, Math.ceil(inRange.length / limit));
      return inRange.filter((_sample, index) => index % step === 0);
    },
    async revoke(id, { reason, barFactory = true } = {}) {
      const box = find(id);
      box.state = 'revoked';
      box.revokedAt = now();
      box.standing.revocation = { at: now(), reason: 'revoked', text: reason ?? null, to: null };
      if (box.standing.factory) box.standing.factory.barred = barFactory;
    },
    async reinstate(id) {
      const { factory } = find(id).standing;
      if (!factory?.barred) throw new Refusal('box-not-barred', id);
      factory.barred = false;
    },
    async settle(id) {
      const box = find(id);
      if (!box.cloned) throw new Refusal('box-not-cloned', id);
      box.cloned = null;
    },
    async object(id, reason) {
      const { leaving } = find(id).standing;
      if (!leaving) throw new Refusal('box-not-leaving', id);
      leaving.objection = reason;
    },
  };
}

export interface FedRequests extends Requests {
  readonly all: AdmissionRequest[];
}

export function createFedRequests(now: () => number): FedRequests {
  const all: AdmissionRequest[] = [];
  const decide = (id: string, change: Partial<AdmissionRequest>): AdmissionRequest => {
    const request = all.find((one) => one.id === id);
    if (!request) throw new Refusal('request-unknown', id);
    if (request.state !== 'waiting') throw new Refusal('request-decided', request.code);
    return Object.assign(request, { decidedAt: now(), ...change });
  };
  return {
    all,
    list: async () => all,
    approve: async (id) => decide(id, { state: 'approved', box: 'box-n3wb0x000000' }),
    refuse: async (id, reason) => decide(id, { state: 'refused', reason }),
  };
}

export function createFedClaims(now: () => number): Claims {
  const claims = new Map<string, Claim>();
  return {
    async create({ label, lifetimeSeconds }) {
      const createdAt = now();
      const claim: Claim = {
        id: randomUUID().slice(0, 12),
        state: 'open',
        label: label ?? '',
        createdAt,
        expiresAt: createdAt + (lifetimeSeconds ?? 7 * 86_400) * 1000,
        box: null,
      };
      claims.set(claim.id, claim);
      return { ...claim, code: newClaimCode() };
    },
    async list() {
      return [...claims.values()];
    },
    async revoke(id) {
      const claim = claims.get(id);
      if (!claim) throw new Refusal('claim-id-unknown', id);
      claim.state = 'revoked';
    },
  };
}
