/**
 * Takes what boxes say into the store, and only then lets it be acknowledged.
 *
 * Messages that wait while the disk is busy are taken together: one synced batch, one acknowledgement a box. While the
 * store fails nothing is acknowledged and nothing is dropped: the messages wait, and with them their boxes.
 */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { isDiskFull } from '#common/database.js';
import type { Ack } from '#contract/health.js';
import { Refusal } from '#contract/problems.js';
import type { Status } from '#contract/status.js';
import { buildTopic, type Topic } from '#contract/topics.js';
import { type LifeRecord, type Store, sampleKey, sampleOperation } from '../store/store.js';
import type { EventLog } from './events.js';
import { ackOf, emptyLife, gapsOf, takeBirth, takeHealth } from './life.js';
import { createLives } from './lives.js';
import { createQuota } from './quota.js';
import { type RefusedPayload, read, type Said } from './read.js';

export interface Ingest {
  /** Resolves when the message is on the disk. Rejects only when it will not be taken any more: at `stop`. */
  receive(message: { box: string; topic: Topic; payload: Buffer }): Promise<void>;
  /** The box has no session any more: it is offline, whatever its will says later. */
  left(box: string): void;
  online(box: string): boolean;
  /** Boxes online, and what was taken since the start, for `/metrics`. */
  counts(): { online: number; messages: number; samples: number; duplicates: number };
  /** Finishes what waits, if the store lets it. */
  stop(): Promise<void>;
}

export interface IngestParts {
  store: Store;
  events: EventLog;
  clock: Clock;
  publish: (topic: string, payload: string) => void;
  log: { error(details: object, text: string): void };
}

type SaidEvent = Extract<Said, { kind: 'event' }>;

interface Waiting {
  box: string;
  said: Said | { kind: 'left' };
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** What one round changes beside the store: done after the commit, or forgotten with it. */
interface Round {
  readonly operations: Operation[];
  readonly lives: Map<string, LifeRecord>;
  readonly epochs: Map<string, Set<string>>;
  readonly refused: Map<string, RefusedPayload[]>;
  readonly after: (() => void)[];
  samples: number;
  duplicates: number;
}

const mostInRound = 4000;
const mostRefusedInAck = 20;
const rememberedEvents = 100;
const noEpoch = '0'.repeat(16);
const turnsBeforeRound = 3;
const retryMilliseconds = 1000;
const gapQuietMilliseconds = 60_000;

const sizeOf = ({ said }: Waiting): number => (said.kind === 'health' ? said.value.samples.length + 1 : 1);
const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;

export function createIngest({ store, events, clock, publish, log }: IngestParts): Ingest {
  const lives = createLives(store);
  const stopping = new AbortController();
  const quota = createQuota({ clock, burst: 100, perMinute: 20 });
  /** Boxes online, with the session of their birth. */
  const alive = new Map<string, string>();
  const gapsTold = new Map<string, number>();
  const totals = { messages: 0, samples: 0, duplicates: 0 };
  let waiting: Waiting[] = [];
  let running: Promise<void> | undefined;
  let failing = false;

  /** Told always, and stored unless one box would fill the log. */
  const tell = (box: string, type: string, text: string) =>
    quota.take(box) ? events.record({ type, box, text }) : events.announce({ type, box, text });

  function offline(box: string, why: string): void {
    if (alive.delete(box)) tell(box, 'offline', why);
  }

  function tellGap(box: string, before: number, after: number): void {
    const now = clock.now();
    if (now < (gapsTold.get(box) ?? 0) + gapQuietMilliseconds) return;
    if (gapsTold.size > 10_000) gapsTold.clear();
    gapsTold.set(box, now);
    events.record({ type: 'gap', box, text: `${plural(after - before, 'sample')} missing, ${after} in all` });
  }

  function refuse(round: Round, box: string, life: LifeRecord, payload: RefusedPayload): LifeRecord {
    events.refused(payload.code, { box, detail: payload.detail });
    round.refused.set(box, [...(round.refused.get(box) ?? []), payload]);
    return life;
  }

  function takeStatus(round: Round, box: string, life: LifeRecord, status: Status): LifeRecord {
    if (status.kind === 'birth') {
      const { session, epoch } = status;
      round.epochs.set(box, (round.epochs.get(box) ?? new Set()).add(epoch));
      round.after.push(() => {
        if (!alive.has(box)) tell(box, 'online', `agent ${status.agent}`);
        alive.set(box, session);
      });
      return takeBirth(life, status);
    }
    round.after.push(() => {
      // The will of a session that the box itself has replaced says nothing about the box.
      if (alive.get(box) !== status.session) return;
      offline(box, status.reason === 'stopped' ? 'stopped' : 'the connection was lost');
    });
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

  function acknowledge(round: Round): void {
    for (const box of new Set([...round.epochs.keys(), ...round.refused.keys()])) {
      const life = round.lives.get(box) ?? emptyLife();
      const epochs = [...(round.epochs.get(box) ?? [life.birth?.epoch ?? noEpoch])];
      const refused = round.refused.get(box) ?? [];
      const topic = buildTopic({ box, direction: 'down', kind: 'ack' });
      for (const epoch of epochs) {
        const ack: Ack = ackOf(life, epoch);
        const some = refused.splice(0, mostRefusedInAck);
        publish(topic, JSON.stringify(some.length > 0 ? { ...ack, refused: some } : ack));
      }
      while (refused.length > 0)
        publish(topic, JSON.stringify({ ...ackOf(life, epochs[0]!), refused: refused.splice(0, mostRefusedInAck) }));
    }
  }

  async function takeAll(group: readonly Waiting[]): Promise<void> {
    const known = await lives.load(group.filter(({ said }) => said.kind !== 'left').map(({ box }) => box));
    const round: Round = {
      operations: [],
      lives: new Map(),
      epochs: new Map(),
      refused: new Map(),
      after: [],
      samples: 0,
      duplicates: 0,
    };
    const now = clock.now();
    const fresh = new Map<string, number>();
    for (const { box, said } of group) {
      if (said.kind === 'left') {
        round.after.push(() => offline(box, 'the connection was lost'));
        continue;
      }
      const samples = round.samples;
      const life = round.lives.get(box) ?? known.get(box) ?? emptyLife();
      // By this clock: the box's own may be absurd.
      round.lives.set(box, { ...take(round, box, said, life), lastSeen: now });
      if (round.samples > samples) fresh.set(box, (fresh.get(box) ?? 0) + round.samples - samples);
    }
    for (const [box, life] of round.lives)
      round.operations.push({ type: 'put', sublevel: store.lives, key: box, value: life });

    await store.commit(round.operations);

    totals.messages += group.length;
    totals.samples += round.samples;
    totals.duplicates += round.duplicates;
    lives.keep(round.lives);
    for (const act of round.after) act();
    for (const [box, count] of fresh) events.announce({ type: 'health', box, text: plural(count, 'sample') });
    for (const [box, epochs] of round.epochs) {
      const [before, after] = [known.get(box), round.lives.get(box)].map((life) =>
        life ? [...epochs].reduce((sum, epoch) => sum + gapsOf(life, epoch), 0) : 0,
      );
      if (after! > before!) tellGap(box, before!, after!);
    }
    acknowledge(round);
  }

  /** Takes until the store takes it, or until `stop`. */
  async function insist(group: readonly Waiting[]): Promise<void> {
    for (;;) {
      try {
        await takeAll(group);
        if (failing) events.record({ type: 'store', text: 'the store can be written again' });
        failing = false;
        for (const { resolve } of group) resolve();
        return;
      } catch (error) {
        lives.forget();
        if (!failing) {
          log.error({ err: error }, 'cannot store what boxes report; they wait');
          const code = isDiskFull(error) ? 'disk-full' : 'internal';
          events.refused(code, { detail: 'what boxes report cannot be stored; they keep it and wait' });
        }
        failing = true;
        if (!stopping.signal.aborted) await clock.sleep(retryMilliseconds, stopping.signal);
        if (!stopping.signal.aborted) continue;
        for (const { reject } of group) reject(new Refusal('unavailable', undefined, { cause: error }));
        return;
      }
    }
  }

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      // The broker reads on from a box some turns of the loop after its last message is done. Those turns make this
      // round twice as large, and a round costs a flush of the disk whatever its size.
      for (let turn = 0; turn < turnsBeforeRound; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      let count = 0;
      let size = 0;
      while (count < waiting.length && size < mostInRound) size += sizeOf(waiting[count++]!);
      const group = waiting.slice(0, count);
      waiting = waiting.slice(count);
      await insist(group);
    }
    running = undefined;
  }

  function enqueue(entry: Waiting): void {
    waiting.push(entry);
    running ??= run();
  }

  return {
    receive({ box, topic, payload }) {
      // Read now, while the round before is on its way to the disk.
      const said = read(topic, payload);
      return new Promise((resolve, reject) => enqueue({ box, said, resolve, reject }));
    },
    left(box) {
      offline(box, 'the connection was lost');
      // Again in its turn: a birth that still waits is of the session that has just ended.
      enqueue({ box, said: { kind: 'left' }, resolve: () => {}, reject: () => {} });
    },
    online: (box) => alive.has(box),
    counts: () => ({ online: alive.size, ...totals }),
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
