/** What the messages that are taken together change: gathered here, done after the commit or forgotten with it. */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { Ack } from '#contract/health.js';
import type { LedgerHead } from '#contract/ledger.js';
import type { Birth, Status } from '#contract/status.js';
import { type LifeRecord, type Store, sampleKey, sampleOperation } from '../store/store.js';
import type { EventLog } from './events.js';
import { judgeHead } from './heads.js';
import { ackOf, emptyLife, takeBirth, takeHealth } from './life.js';
import type { Presence } from './presence.js';
import type { Quota } from './quota.js';
import type { RefusedPayload, Said } from './read.js';

export interface Round {
  readonly operations: Operation[];
  /** As they are after the round. */
  readonly lives: Map<string, LifeRecord>;
  /** Of whose samples the box is to be told what is here. */
  readonly epochs: Map<string, Set<string>>;
  readonly refused: Map<string, RefusedPayload[]>;
  readonly after: (() => void)[];
  samples: number;
  duplicates: number;
}

export interface Taker {
  /** Answers the box's life after what it said. */
  take(round: Round, box: string, said: Said, life: LifeRecord): LifeRecord;
}

type SaidEvent = Extract<Said, { kind: 'event' }>;

const mostRefusedInAck = 20;
const rememberedEvents = 100;
const noEpoch = '0'.repeat(16);

export const newRound = (): Round => ({
  operations: [],
  lives: new Map(),
  epochs: new Map(),
  refused: new Map(),
  after: [],
  samples: 0,
  duplicates: 0,
});

/** One for each box and epoch that the round touched. */
export function acksOf(round: Round): { box: string; ack: Ack }[] {
  const acks: { box: string; ack: Ack }[] = [];
  for (const box of new Set([...round.epochs.keys(), ...round.refused.keys()])) {
    const life = round.lives.get(box) ?? emptyLife();
    const epochs = [...(round.epochs.get(box) ?? [life.birth?.epoch ?? noEpoch])];
    const refused = [...(round.refused.get(box) ?? [])];
    for (const epoch of epochs) {
      const some = refused.splice(0, mostRefusedInAck);
      acks.push({ box, ack: { ...ackOf(life, epoch), ...(some.length > 0 && { refused: some }) } });
    }
    while (refused.length > 0)
      acks.push({ box, ack: { ...ackOf(life, epochs[0]!), refused: refused.splice(0, mostRefusedInAck) } });
  }
  return acks;
}

export interface TakerParts {
  store: Store;
  events: EventLog;
  quota: Quota;
  presence: Presence;
  clock: Pick<Clock, 'now'>;
  /** Told when the head of the box's ledger is stored. */
  onHead: (box: string, head: LedgerHead) => void;
}

export function createTaker({ store, events, quota, presence, clock, onHead }: TakerParts): Taker {
  function refuse(round: Round, box: string, life: LifeRecord, payload: RefusedPayload): LifeRecord {
    events.refused(payload.code, { box, detail: payload.detail });
    round.refused.set(box, [...(round.refused.get(box) ?? []), payload]);
    return life;
  }

  function takeHead(round: Round, box: string, life: LifeRecord, { ledger }: Birth): LifeRecord {
    const { heads, good, mismatch } = judgeHead(life.ledgers ?? [], ledger);
    if (mismatch !== undefined)
      round.after.push(() => events.refused('ledger-mismatch', { box, detail: `${box}: ${mismatch}` }));
    if (good) round.after.push(() => onHead(box, good));
    return heads.length === 0 ? life : { ...life, ledgers: [...heads] };
  }

  function takeStatus(round: Round, box: string, life: LifeRecord, status: Status): LifeRecord {
    if (status.kind === 'birth') {
      const { session, epoch } = status;
      round.epochs.set(box, (round.epochs.get(box) ?? new Set()).add(epoch));
      round.after.push(() => presence.born(box, session, status.agent));
      const born = takeBirth(life, status, clock.now());
      if (born.isNews) {
        const text = `two machines report as this box in turns, the latest as session ${session}`;
        const { operation, tell } = events.compose({ type: 'cloned-box', box, text, code: 'cloned-box' });
        round.operations.push(operation);
        round.after.push(tell);
      }
      return takeHead(round, box, born.life, status);
    }
    const why = status.reason === 'stopped' ? 'stopped' : 'the connection was lost';
    round.after.push(() => presence.died(box, status.session, why));
    return life;
  }

  function takeEvent(round: Round, box: string, life: LifeRecord, said: SaidEvent): LifeRecord {
    const event = said.value;
    const recent = life.recentEvents ?? [];
    if (recent.includes(event.id)) return life;
    if (!quota.take(box))
      return refuse(round, box, life, { digest: said.digest, code: 'packet-rate', detail: 'too many events' });
    const { operation, tell } = events.compose({
      type: 'event',
      box,
      text: `${event.severity}: ${event.type}: ${event.text}`,
    });
    round.operations.push(operation);
    round.after.push(tell);
    return { ...life, recentEvents: [...recent, event.id].slice(-rememberedEvents) };
  }

  function take(round: Round, box: string, said: Said, life: LifeRecord): LifeRecord {
    switch (said.kind) {
      case 'health': {
        const { epoch } = said.value;
        const taken = takeHealth(life, said.value);
        for (const { at, seq, values } of taken.fresh)
          round.operations.push(sampleOperation(store, sampleKey(box, at, epoch, seq), values));
        round.samples += taken.fresh.length;
        round.duplicates += said.value.samples.length - taken.fresh.length;
        round.epochs.set(box, (round.epochs.get(box) ?? new Set()).add(epoch));
        return taken.life;
      }
      case 'status':
        return takeStatus(round, box, life, said.value);
      case 'event':
        return takeEvent(round, box, life, said);
      case 'reported':
        return { ...life, reported: said.value };
      case 'refused':
        return refuse(round, box, life, said.value);
    }
  }

  return { take };
}
