/** How a box ends: revoked by an operator, or taken elsewhere by its owner, whom nobody can hold back. */
import type { Clock } from '#common/clock.js';
import { isBoxId } from '#contract/box-id.js';
import type { Leave, LeaveAnswer } from '#contract/leave.js';
import type { NewRevocation } from '#contract/operator.js';
import { Refusal } from '#contract/problems.js';
import { type BoxRecord, type FactoryRecord, factoryKey } from '../store/boxes.js';
import { isCloned, type LifeRecord } from '../store/lives.js';
import type { Store } from '../store/store.js';
import type { Turns } from '../store/turns.js';
import { factoryTurn } from './enter.js';
import { endOperations } from './revocations.js';

export interface Endings {
  /** Refused from now on; so is its device, unless told otherwise. @throws Refusal `box-unknown` */
  revoke(box: string, wish?: NewRevocation): Promise<void>;
  /** Lets the device enrol again, as a new box. @throws Refusal `box-unknown`, `box-not-barred` */
  reinstate(box: string): Promise<void>;
  /** What the owner reads before the box has left. @throws Refusal `box-unknown`, `box-not-leaving` */
  object(box: string, reason: string): Promise<void>;
  /** What looked like two boxes until now has been seen to. @throws Refusal `box-unknown`, `box-not-cloned` */
  settle(box: string): Promise<void>;
}

const goes = ({ reason, to }: Leave): string =>
  reason === 'transfer' ? `a transfer to ${to ?? 'another territory'}` : reason === 'reset' ? 'a reset' : 'a hand-over';

export function createEndings({
  store,
  clock,
  turns,
  events,
  ended,
  lifeOf,
}: {
  store: Store;
  clock: Clock;
  turns: Turns;
  events: { record(event: { type: string; box?: string | undefined; text: string }): void };
  ended: (box: string) => Promise<void>;
  lifeOf: (box: string) => Promise<LifeRecord | undefined>;
}): Endings & { leave(id: string, leave: Leave): Promise<LeaveAnswer> } {
  const { boxes, factories } = store;

  async function recordOf(id: string): Promise<BoxRecord> {
    const record = isBoxId(id) ? await boxes.get(id) : undefined;
    if (!record) throw new Refusal('box-unknown', id);
    return record;
  }

  /** One at a time with whatever else concerns the box, and its device before it. */
  async function inTurn<T>(id: string, work: (record: BoxRecord) => Promise<T>): Promise<T> {
    const { factory } = await recordOf(id);
    const own = () => turns.take(id, async () => work(await recordOf(id)));
    return factory ? turns.take(factoryTurn(factory), own) : own();
  }

  return {
    async revoke(id, { reason: text, barFactory = true } = {}) {
      await inTurn(id, async (record) => {
        const at = clock.now();
        const { factory } = record;
        const known = factory && (await factories.get(factoryKey(factory)));
        const bars = factory && barFactory && known?.barred === undefined;
        if (record.revokedAt !== undefined && !bars) return;
        const value: FactoryRecord = { box: id, ...known, barred: { box: id, at } };
        await store.commit([
          ...(record.revokedAt === undefined
            ? endOperations(store, id, record, { at, reason: 'revoked', ...(text !== undefined && { text }) })
            : []),
          ...(bars ? [{ type: 'put', sublevel: factories, key: factoryKey(factory), value } as const] : []),
        ]);
        const why = text === undefined ? '' : ` (${text})`;
        const device = bars ? `, and so is its device ${factory.serial}` : '';
        events.record({ type: 'revoked', box: id, text: `revoked${why}: new connections are refused${device}` });
        if (record.revokedAt === undefined) await ended(id);
      });
    },

    async reinstate(id) {
      await inTurn(id, async ({ factory }) => {
        const key = factory && factoryKey(factory);
        const known = key === undefined ? undefined : await factories.get(key);
        if (!factory || key === undefined || !known?.barred) throw new Refusal('box-not-barred', id);
        const { barred: _barred, ...value } = known;
        await store.commit([{ type: 'put', sublevel: factories, key, value }]);
        events.record({ type: 'reinstated', box: id, text: `device ${factory.serial} may enrol again, as a new box` });
      });
    },

    async object(id, reason) {
      await inTurn(id, async (record) => {
        const { leaving } = record;
        if (leaving?.phase !== 'announced' || record.revokedAt !== undefined) throw new Refusal('box-not-leaving', id);
        const value: BoxRecord = { ...record, leaving: { ...leaving, objection: reason } };
        await store.commit([{ type: 'put', sublevel: boxes, key: id, value }]);
        events.record({ type: 'leaving', box: id, text: `an operator objects: ${reason}` });
      });
    },

    async settle(id) {
      await inTurn(id, async (record) => {
        if (!isCloned(record, await lifeOf(id))) throw new Refusal('box-not-cloned', id);
        const value: BoxRecord = { ...record, settledAt: clock.now() };
        await store.commit([{ type: 'put', sublevel: boxes, key: id, value }]);
        events.record({
          type: 'settled',
          box: id,
          text: 'an operator has seen to the two machines that reported as it',
        });
      });
    },

    leave: (id, leave) =>
      turns.take(id, async () => {
        const record = await recordOf(id);
        const { leaving } = record;
        const { phase, reason, to } = leave;
        const answer = { phase, objection: leaving?.objection ?? null };
        const told = leaving?.phase === phase && leaving.reason === reason && leaving.to === to;
        if (leaving && (told || record.revokedAt !== undefined)) return { ...answer, at: leaving.at };
        const at = clock.now();
        const objection = leaving?.objection;
        const value: BoxRecord = {
          ...record,
          leaving: {
            phase,
            reason,
            at,
            ...(to !== undefined && { to }),
            ...(objection !== undefined && { objection }),
          },
        };
        if (phase === 'completed') {
          const end = { at, reason: 'left', ...(to !== undefined && { to }) } as const;
          await store.commit(endOperations(store, id, value, end));
          events.record({ type: 'left', box: id, text: `left: ${goes(leave)}` });
          await ended(id);
        } else {
          await store.commit([{ type: 'put', sublevel: boxes, key: id, value }]);
          const text =
            phase === 'announced' ? `its owner begins ${goes(leave)}` : `its owner has given up ${goes(leave)}`;
          events.record({ type: 'leaving', box: id, text });
        }
        return { ...answer, at };
      }),
  };
}
