/**
 * Boxes that ask to be admitted, until an operator decides. A request is known by its key, so that asking again is the
 * same request, and an approval is the certificate for that very key. Strangers may ask: how many wait is bounded, in
 * all and from one source, and who asks no more is forgotten.
 */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { Csr } from '#common/pki/csr.js';
import { sourceOf } from '#common/source.js';
import type { AdmissionRequest, FactoryIdentity } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import { requestCode } from '#contract/request-code.js';
import type { Enter } from '../boxes/enter.js';
import type { RequestRecord } from '../store/claims.js';
import type { Store } from '../store/store.js';
import type { Turns } from '../store/turns.js';

export interface Requests {
  /** Those that wait, oldest first; then the decided ones, newest first. */
  list(): Promise<AdmissionRequest[]>;
  /** By id or code. @throws Refusal `request-unknown`, `request-decided`, `factory-barred` */
  approve(id: string): Promise<AdmissionRequest>;
  /** The owner reads the reason. @throws Refusal `request-unknown`, `request-decided` */
  refuse(id: string, reason: string): Promise<AdmissionRequest>;
}

export interface Asking {
  csr: Csr;
  address: string;
  factory: FactoryIdentity | undefined;
  claimLabel: string | undefined;
}

export interface Waiting {
  /** Seconds until it is worth asking again. */
  retryAfter: number;
}

const day = 86_400_000;
const forgottenMilliseconds = 7 * day;
const decidedMilliseconds = 30 * day;
const seenEvery = 60_000;
const mostWaiting = 1000;
const mostOfSource = 20;
const mostListed = 1500;

function describe(id: string, record: RequestRecord): AdmissionRequest {
  const { firstAt, lastAt, address, factory, claimLabel, decision } = record;
  return {
    id,
    code: requestCode(id),
    state: !decision ? 'waiting' : 'box' in decision ? 'approved' : 'refused',
    firstAt,
    lastAt,
    address,
    factory: factory ?? null,
    claimLabel: claimLabel ?? null,
    decidedAt: decision?.at ?? null,
    reason: decision && 'refused' in decision ? decision.refused : null,
    box: decision && 'box' in decision ? decision.box : null,
  };
}

const isOver = ({ lastAt, decision }: RequestRecord, now: number): boolean =>
  now - (decision?.at ?? lastAt) > (decision ? decidedMilliseconds : forgottenMilliseconds);

export function createRequests({
  store,
  clock,
  turns,
  events,
  enter,
  most = mostWaiting,
  mostFromOne = mostOfSource,
}: {
  store: Store;
  clock: Clock;
  turns: Turns;
  events: { record(event: { type: string; box?: string | undefined; text: string }): void };
  enter: Enter;
  most?: number;
  mostFromOne?: number;
}): Requests & { ask(asking: Asking): Promise<Buffer | Waiting> } {
  const { requests } = store;
  const turnOf = (id: string) => `request ${id}`;
  /** Of each waiting request its source and when it last asked: read once, and kept. */
  let waiting: Map<string, { source: string; lastAt: number }> | undefined;

  async function waitingNow() {
    if (waiting) return waiting;
    const found = new Map<string, { source: string; lastAt: number }>();
    for await (const [id, { decision, address, lastAt }] of requests.iterator())
      if (!decision) found.set(id, { source: sourceOf(address), lastAt });
    waiting ??= found;
    return waiting;
  }

  async function forget(): Promise<void> {
    const now = clock.now();
    const over: Operation[] = [];
    for await (const [id, record] of requests.iterator())
      if (isOver(record, now)) {
        over.push({ type: 'del', sublevel: requests, key: id });
        waiting?.delete(id);
      }
    await store.commit(over);
  }

  /** Takes a place in the queue. @throws Refusal `admission-full` */
  async function enqueue(id: string, source: string, now: number): Promise<void> {
    const of = await waitingNow();
    if (of.size >= most || [...of.values()].some(({ lastAt }) => now - lastAt > forgottenMilliseconds)) await forget();
    const fromOne = [...of.values()].filter((one) => one.source === source).length;
    // Checked and taken in one breath: others ask meanwhile.
    if (of.size < most && fromOne < mostFromOne) return void of.set(id, { source, lastAt: now });
    throw new Refusal('admission-full', undefined, { headers: { 'retry-after': '600' } });
  }

  /** The busier the queue, the rarer the questions: ten a second at most. */
  const retry = (): Waiting => ({ retryAfter: Math.min(300, Math.max(10, Math.ceil((waiting?.size ?? 0) / 10))) });

  async function askInTurn({ csr, address, factory, claimLabel }: Asking): Promise<Buffer | Waiting> {
    const id = csr.keyHash;
    const now = clock.now();
    const found = await requests.get(id);
    const known = found && !isOver(found, now) ? found : undefined;
    const decision = known?.decision;
    if (decision && 'refused' in decision) throw new Refusal('admission-refused', decision.refused);
    if (decision && now < decision.notAfter) {
      const box = await store.boxes.get(decision.box);
      if (box?.revokedAt !== undefined) throw new Refusal('box-revoked', decision.box);
      return Buffer.from(decision.certificate, 'base64');
    }
    const source = sourceOf(address);
    const isNew = !known || decision !== undefined;
    if (isNew) await enqueue(id, source, now);
    else if (now - known.lastAt < seenEvery) return retry();
    const record: RequestRecord = {
      firstAt: decision ? now : (known?.firstAt ?? now),
      lastAt: now,
      address,
      spki: csr.spki.toString('base64'),
      ...(factory && { factory }),
      ...(claimLabel !== undefined && { claimLabel }),
    };
    try {
      await store.commit([{ type: 'put', sublevel: requests, key: id, value: record }]);
    } catch (error) {
      if (isNew) waiting?.delete(id);
      throw error;
    }
    waiting?.set(id, { source, lastAt: now });
    if (isNew) {
      const device = factory ? `, device ${factory.serial} of ${factory.maker}` : '';
      events.record({ type: 'admission-asked', text: `a box asks to be admitted: ${requestCode(id)}${device}` });
    }
    return retry();
  }

  async function idOf(given: string): Promise<string> {
    const wanted = given.trim().toUpperCase();
    if (/^[0-9A-F]{64}$/.test(wanted)) return wanted.toLowerCase();
    const found: string[] = [];
    for await (const id of requests.keys()) if (requestCode(id) === wanted) found.push(id);
    // Two with one code: who makes one on purpose must not be let in for the other.
    if (found.length !== 1 || found[0] === undefined) throw new Refusal('request-unknown', given);
    return found[0];
  }

  /** @throws Refusal `request-unknown`, `request-decided` */
  async function open(id: string): Promise<RequestRecord> {
    const record = await requests.get(id);
    if (!record || isOver(record, clock.now())) throw new Refusal('request-unknown', id);
    if (record.decision) throw new Refusal('request-decided', requestCode(id));
    return record;
  }

  return {
    ask: (asking) => turns.take(turnOf(asking.csr.keyHash), () => askInTurn(asking)),

    async list() {
      const now = clock.now();
      const all = (await requests.iterator().all()).filter(([, record]) => !isOver(record, now));
      const described = all.map(([id, record]) => describe(id, record));
      const isOpen = ({ state }: AdmissionRequest) => state === 'waiting';
      const open = described.filter(isOpen).sort((a, b) => a.firstAt - b.firstAt);
      const decided = described.filter((one) => !isOpen(one)).sort((a, b) => (b.decidedAt ?? 0) - (a.decidedAt ?? 0));
      return [...open, ...decided].slice(0, mostListed);
    },

    async approve(given) {
      const id = await idOf(given);
      return turns.take(turnOf(id), async () => {
        const record = await open(id);
        const csr = { spki: Buffer.from(record.spki, 'base64'), keyHash: id };
        const entry = { admittedBy: 'request', factory: record.factory, how: `on request ${requestCode(id)}` } as const;
        let approved: RequestRecord = record;
        await enter(csr, entry, ({ box, certificate: { der, notAfter } }) => {
          approved = { ...record, decision: { at: clock.now(), box, certificate: der, notAfter } };
          return [{ type: 'put', sublevel: requests, key: id, value: approved }];
        });
        waiting?.delete(id);
        events.record({ type: 'admission-approved', text: `request ${requestCode(id)} approved` });
        return describe(id, approved);
      });
    },

    async refuse(given, reason) {
      const id = await idOf(given);
      return turns.take(turnOf(id), async () => {
        const value: RequestRecord = { ...(await open(id)), decision: { at: clock.now(), refused: reason } };
        await store.commit([{ type: 'put', sublevel: requests, key: id, value }]);
        waiting?.delete(id);
        events.record({ type: 'admission-refused', text: `request ${requestCode(id)} refused: ${reason}` });
        return describe(id, value);
      });
    },
  };
}
