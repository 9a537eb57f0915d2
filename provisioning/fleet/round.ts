/** What the messages that are taken together change: gathered here, done after the commit or forgotten with it. */
import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '#common/clock.js';
import type { Ack, Sample } from '#contract/health.js';
import type { LedgerHead } from '#contract/ledger.js';
import type { FleetEvent } from '#contract/operator.js';
import type { Birth, Reported, Status } from '#contract/status.js';
import type { Carried, FleetRound, NewSample } from '../store/fleet.js';
import type { LifeRecord } from '../store/lives.js';
import { changeOf, compareConditions, textOf } from './conditions.js';
import type { Happening, RoundEvents } from './events.js';
import { judgeHead } from './heads.js';
import { ackOf, emptyLife, takeBirth, takeHealth } from './life.js';
import type { Presence } from './presence.js';
import type { Quota } from './quota.js';
import type { RefusedPayload, Said } from './read.js';
import { placeInTime } from './times.js';
import { eventsUpTo, takeEvents, textOfEvent } from './told.js';

export interface Round extends Omit<FleetRound, 'fences'> {
  readonly samples: NewSample[];
  readonly carried: Carried[];
  readonly events: FleetEvent[];
  /** As they are after the round. */
  readonly lives: Map<string, LifeRecord>;
  readonly online: Map<string, boolean>;
  /** Of whose samples the box is to be told what is here. */
  readonly epochs: Map<string, Set<string>>;
  /** The same of events. */
  readonly eventEpochs: Map<string, Set<string>>;
  readonly refused: Map<string, RefusedPayload[]>;
  /** What is known of a box that said what it had said before, and was not heard by that: it goes unwritten. */
  readonly still: Map<string, LifeRecord>;
  readonly after: (() => void)[];
  duplicates: number;
}

export interface Taker {
  /** Answers the box's life after what it said. */
  take(round: Round, box: string, said: Said, life: LifeRecord): LifeRecord;
}

type SaidEvent = Extract<Said, { kind: 'event' }>;

const mostRefusedInAck = 20;
const noEpoch = '0'.repeat(16);

export const newRound = (): Round => ({
  samples: [],
  carried: [],
  events: [],
  lives: new Map(),
  online: new Map(),
  epochs: new Map(),
  eventEpochs: new Map(),
  refused: new Map(),
  still: new Map(),
  after: [],
  duplicates: 0,
});

/** One for each box and epoch that the round touched. */
export function acksOf(round: Round): { box: string; ack: Ack }[] {
  const acks: { box: string; ack: Ack }[] = [];
  for (const box of new Set([...round.epochs.keys(), ...round.eventEpochs.keys(), ...round.refused.keys()])) {
    const life = round.lives.get(box) ?? round.still.get(box) ?? emptyLife();
    const ofEvents = round.eventEpochs.get(box);
    const touched = new Set([...(round.epochs.get(box) ?? []), ...(ofEvents ?? [])]);
    const epochs = touched.size > 0 ? [...touched] : [life.birth?.epoch ?? noEpoch];
    const ackFor = (epoch: string): Ack => ({
      ...ackOf(life, epoch),
      ...(ofEvents?.has(epoch) && { events: eventsUpTo(life, epoch) }),
    });
    const refused = [...(round.refused.get(box) ?? [])];
    for (const epoch of epochs) {
      const some = refused.splice(0, mostRefusedInAck);
      acks.push({ box, ack: { ...ackFor(epoch), ...(some.length > 0 && { refused: some }) } });
    }
    while (refused.length > 0)
      acks.push({ box, ack: { ...ackFor(epochs[0]!), refused: refused.splice(0, mostRefusedInAck) } });
  }
  return acks;
}

/** Its values are made when they are asked for: of what is stored as it came they never are. */
const newSample = (box: string, epoch: string, sample: Sample): NewSample => ({
  ...{ box, epoch, seq: sample.seq, at: sample.at },
  get values() {
    return sample.values;
  },
});

function touch({ epochs }: Round, box: string, epoch: string): void {
  const before = epochs.get(box);
  if (before) before.add(epoch);
  else epochs.set(box, new Set([epoch]));
}

export interface TakerParts {
  events: RoundEvents;
  quota: Quota;
  presence: Presence;
  clock: Pick<Clock, 'now'>;
  /** Told when the head of the box's ledger is stored. */
  onHead: (box: string, head: LedgerHead) => void;
}

export function createTaker({ events, quota, presence, clock, onHead }: TakerParts): Taker {
  const decided = new WeakMap<object, boolean[]>();

  /** Asked once of each thing that a box said, however often the store must be tried. */
  function mayWrite(said: object, box: string, index = 0): boolean {
    const answers = decided.get(said) ?? [];
    decided.set(said, answers);
    answers[index] ??= quota.take(box);
    return answers[index];
  }

  /** Stored with the round, and told once it is. */
  function happen(round: Round, happening: Happening): void {
    const { event, tell } = events.compose(happening);
    round.events.push(event);
    round.after.push(tell);
  }

  function refuse(round: Round, box: string, life: LifeRecord, payload: RefusedPayload): LifeRecord {
    round.after.push(() => events.refused(payload.code, { box, detail: payload.detail }));
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

  /** Retained, and handed out again by a broker to whoever subscribes: the box itself has said nothing. */
  function heardBefore(round: Round, box: string, life: LifeRecord): LifeRecord {
    round.still.set(box, life);
    return life;
  }

  function takeStatus(round: Round, box: string, life: LifeRecord, status: Status): LifeRecord {
    if (status.kind === 'birth') {
      const { session, epoch } = status;
      touch(round, box, epoch);
      const isKnown = isDeepStrictEqual(life.birth, status);
      round.after.push(() => (isKnown ? presence.known(box, session) : presence.born(box, session, status.agent)));
      round.online.set(box, true);
      if (isKnown) {
        takeHead(round, box, life, status); // the box may wait for its receipt
        return heardBefore(round, box, life);
      }
      const born = takeBirth(life, status, clock.now());
      if (born.isNews) {
        const text = `two machines report as this box in turns, the latest as session ${session}`;
        happen(round, { type: 'cloned-box', box, text, code: 'cloned-box' });
      }
      return takeHead(round, box, born.life, status);
    }
    if (life.birth?.session === status.session) round.online.set(box, false);
    const why = status.reason === 'stopped' ? 'stopped' : 'the connection was lost';
    round.after.push(() => presence.died(box, status.session, why));
    return life.ended === status.session ? heardBefore(round, box, life) : { ...life, ended: status.session };
  }

  function takeTold(round: Round, box: string, life: LifeRecord, batch: SaidEvent['value']): LifeRecord {
    const { epoch } = batch;
    const told = takeEvents(life, batch, clock.now());
    round.eventEpochs.set(box, (round.eventEpochs.get(box) ?? new Set()).add(epoch));
    for (const event of told.fresh) happen(round, { type: 'event', box, text: textOfEvent(event), said: event });
    if (told.missing > 0 && mayWrite(batch, box))
      happen(round, { type: 'gap', box, text: `${told.missing} of its events are missing: the box has given them up` });
    if (told.over > 0) {
      const detail = `${box}: ${told.over} events are not taken before the day is over`;
      round.after.push(() => events.refused('box-over-budget', { box, detail }));
    }
    return told.life === life ? heardBefore(round, box, life) : told.life;
  }

  /** Of each condition that begins, ends or changes its severity; a box that never rests is told and not stored. */
  function takeReported(round: Round, box: string, life: LifeRecord, reported: Reported): LifeRecord {
    if (isDeepStrictEqual(life.reported, reported)) return heardBefore(round, box, life);
    const compared = compareConditions(life.reported?.conditions, reported.conditions);
    for (const [index, condition] of compared.entries()) {
      const happening = { type: 'condition', box, text: textOf(condition), condition: changeOf(condition) };
      if (mayWrite(reported, box, index)) happen(round, happening);
      else round.after.push(() => events.announce(happening));
    }
    return { ...life, reported };
  }

  function take(round: Round, box: string, said: Said, life: LifeRecord): LifeRecord {
    switch (said.kind) {
      case 'health': {
        const { batch, moved } = placeInTime(said.value, clock.now());
        const { epoch } = batch;
        const taken = takeHealth(life, batch);
        if (moved > 0)
          round.after.push(() => events.refused('sample-time', { box, detail: `${box}: ${moved} samples` }));
        // What is all new, at the times that its box says, is stored as it came.
        const isWhole = taken.fresh.length === said.value.samples.length && moved === 0 && !batch.lost;
        if (said.compact && isWhole && taken.fresh.length > 0)
          round.carried.push({ first: round.samples.length, count: taken.fresh.length, bytes: said.compact.bytes });
        for (const sample of taken.fresh) round.samples.push(newSample(box, epoch, sample));
        round.duplicates += said.value.samples.length - taken.fresh.length;
        touch(round, box, epoch);
        return taken.life;
      }
      case 'status':
        return takeStatus(round, box, life, said.value);
      case 'event':
        return takeTold(round, box, life, said.value);
      case 'reported':
        return takeReported(round, box, life, said.value);
      case 'refused':
        return refuse(round, box, life, said.value);
    }
  }

  return { take };
}
