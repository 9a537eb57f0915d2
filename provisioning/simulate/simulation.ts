/** So many boxes that live at once: calls each of them in turn, and holds back how many connect at the same time. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { HealthBatch } from '#contract/health.js';
import { encodeBatch } from '#contract/health-codec.js';
import { type Book, type Kept, openBook } from './book.js';
import { createBox, type SimulatedBox } from './box.js';
import { absencesOf, backlogOf, blackoutAt, type Faults } from './faults.js';
import type { Identity } from './identities.js';
import { isOutOfReach, type Life, lifeOf } from './life.js';
import { chance } from './random.js';
import { createTally, type Tally } from './tally.js';

export interface SimulationWish {
  identities: readonly Identity[];
  /** From a run before, by box id. */
  kept?: ReadonlyMap<string, Kept>;
  seed: number;
  broker: { host: string; port: number };
  /** PEM. */
  root: string;
  /** How long it lasts, real milliseconds. */
  lasts: number;
  /** Simulated time goes so much faster. */
  speed: number;
  intervalMilliseconds: number;
  /** Samples in a batch. */
  batch: number;
  faults: Faults;
  /** So many connect at the same time, unless power comes back to all of them. */
  atOnce: number;
  /** Whether the territory reads compact batches; JSON otherwise. */
  compact?: boolean;
}

export interface Simulation {
  readonly tally: Tally;
  readonly boxes: readonly SimulatedBox[];
  online(): number;
  /** Whether everybody is online whom a weak Wi-Fi has not just lost. */
  complete(): boolean;
  /** Lives until its time is over, this holds, or the signal aborts. */
  live(signal: AbortSignal, until?: () => boolean): Promise<void>;
  /** Everybody comes back, and what waits goes out: true once all of it is covered, false when `signal` aborts before. */
  drain(signal: AbortSignal): Promise<boolean>;
  /** Resolves when no connection is left. */
  stop(): Promise<void>;
  /** All lose their power now and come back at once: resolves when each that its Wi-Fi reaches is connected again. */
  blackout(signal: AbortSignal): Promise<void>;
  kept(): Map<string, Kept>;
}

const tickMilliseconds = 50;
const ask = { phase: 70 } as const;

const isCovered = ({ covered, last }: Book): boolean => covered >= last;

export function createSimulation(wish: SimulationWish, clock: Clock): Simulation {
  const { identities, kept, seed, speed, lasts, intervalMilliseconds, batch, faults } = wish;
  const began = clock.now();
  // It ends at the real time, whatever its speed: nobody tells the provider of days to come.
  const from = began - (speed - 1) * lasts;
  const now = () => Math.min(from + (clock.now() - began) * speed, Math.max(began + lasts, clock.now()));
  const tally = createTally(now);
  const encode = wish.compact ? encodeBatch : (one: HealthBatch) => JSON.stringify(one);

  function newBook(life: Life): Kept {
    // Batches of different boxes are due at different times.
    const phase = chance(seed, ask.phase, life.index) * batch * intervalMilliseconds;
    const base = Math.floor(from - backlogOf(faults, life) - phase);
    return { epoch: randomBytes(8).toString('hex'), legs: [{ from: 1, base }], last: 0, covered: 0 };
  }

  const boxes = identities.map((identity, index) => {
    const life = lifeOf(seed, index);
    const before = kept?.get(identity.id);
    const book = openBook(before ?? newBook(life));
    if (before) book.legs.push({ from: book.last + 1, base: from - book.last * intervalMilliseconds });
    return createBox({
      ...{
        identity,
        life,
        book,
        faults,
        broker: wish.broker,
        root: wish.root,
        intervalMilliseconds,
        batch,
        tally,
        encode,
      },
      absences: absencesOf(faults, life, from, from + lasts * speed),
      keepaliveSeconds: Math.max(60, Math.min(1200, (batch * intervalMilliseconds) / speed / 1000)),
    });
  });

  const count = (state: ReturnType<SimulatedBox['state']>): number =>
    boxes.reduce((sum, box) => sum + (box.state() === state ? 1 : 0), 0);

  const complete = (): boolean =>
    boxes.every((box) => box.state() === 'online' || (box.state() === 'offline' && isOutOfReach(box.life, now())));

  function turn(atOnce: number): void {
    const real = performance.now();
    const at = now();
    let free = atOnce - count('connecting');
    for (const box of boxes) {
      box.tick(at, real);
      if (free <= 0 || !box.wantsConnection(real)) continue;
      box.connect(at, real);
      free -= 1;
    }
  }

  async function turns(until: () => boolean, signal: AbortSignal, atOnce = mayConnect): Promise<void> {
    while (!signal.aborted && !until()) {
      turn(atOnce());
      await clock.sleep(tickMilliseconds, signal);
    }
  }

  /** Who comes back from a power cut does not wait for the others. */
  const mayConnect = (): number =>
    faults.blackout && now() > from + lasts * speed * blackoutAt ? Number.POSITIVE_INFINITY : wish.atOnce;

  return {
    tally,
    boxes,
    online: () => count('online'),
    complete,
    live: (signal, until = () => false) => turns(() => until() || clock.now() >= began + lasts, signal),
    async drain(signal) {
      for (const box of boxes) box.finish();
      const done = () => boxes.every(({ book }) => isCovered(book));
      await turns(done, signal);
      return done();
    },
    async stop() {
      for (const box of boxes) box.leave();
      const patience = AbortSignal.timeout(5000);
      while (!patience.aborted && boxes.some((box) => box.state() === 'online')) await clock.sleep(tickMilliseconds);
      for (const box of boxes) box.cut();
    },
    async blackout(signal) {
      for (const box of boxes) box.powerCut();
      await turns(complete, signal, () => Number.POSITIVE_INFINITY);
    },
    kept: () =>
      new Map(boxes.map(({ id, book: { epoch, legs, last, covered } }) => [id, { epoch, legs, last, covered }])),
  };
}
