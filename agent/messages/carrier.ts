/**
 * Carries messages within one session of the link. What is sent stays in the queue until the provider's own word. Health
 * and events come first: while they have something on their way, messages go one at a time and with pauses, so that a
 * long outage is worked off without one crowding out the other.
 */
import type { Clock } from '#common/clock.js';
import { createLanes } from '#common/messages/lanes.js';
import { codeOfRefusal, isPassingRefusal, Parcel } from '#contract/messages.js';
import { parseJson } from '#contract/parse.js';
import { type ProblemCode, Refusal } from '#contract/problems.js';
import { laneOf, type Queue, type Queued } from './queue.js';
import type { Receiver } from './receiver.js';
import type { Sealer } from './sealer.js';

/** What a session of the link offers. */
export interface Port {
  box: string;
  maxPacketBytes: number;
  /** Under `up/app/{app}/{name}`; resolves with the broker's PUBACK. */
  publish(to: { app: string; name: string }, payload: string): Promise<void>;
  /** Whether samples are on their way, or wait for their turn. */
  isBusy(): boolean;
}

export interface Carrier {
  /** What came under `down/app/{app}/{name}`. */
  heard(from: { app: string; name: string }, payload: Uint8Array): void;
  /** Something may be sent now. */
  wake(): void;
  /** After the session's end. */
  stop(end: { byBroker: boolean }): Promise<void>;
}

const usualWindow = 4;
const busyGapMilliseconds = 250;
const patienceMilliseconds = 30_000;
const restMilliseconds = 15_000;
const mostHeard = 64;
const mostStrikes = 5;
/** Topic and head of a packet. */
const aroundBytes = 512;

const keyOf = (app: string, id: string): string => `${app}/${id}`;

export function createCarrier({
  port,
  queue,
  sealer,
  receiver,
  mayUse,
  giveUp,
  strikes,
  clock,
  onRefused,
}: {
  port: Port;
  queue: Queue;
  sealer: Sealer;
  receiver: Receiver;
  mayUse: (app: string) => boolean;
  giveUp: (queued: Queued, code: ProblemCode) => Promise<void>;
  strikes: Map<string, number>;
  clock: Clock & { trusted(): boolean };
  onRefused: (refusal: Refusal) => void;
}): Carrier {
  /** Sent, and not taken by the broker yet. */
  const unanswered = new Map<string, Queued>();
  let stopped = false;
  let pending = 0;
  let turn: Promise<void> = Promise.resolve();
  const side = new Set<Promise<void>>();

  const onFault = (error: unknown): void => {
    if (!stopped)
      onRefused(error instanceof Refusal ? error : new Refusal('internal', 'cannot carry a message', { cause: error }));
  };

  async function dropped(queued: Queued, code: ProblemCode): Promise<void> {
    await giveUp(queued, code);
    onRefused(new Refusal(code, `${queued.app}: a message under ${queued.name} was given up`));
    lanes.settled(keyOf(queued.app, queued.id));
  }

  async function send({ queued, key }: { queued: Queued; key: string }): Promise<void> {
    const { app, id, name } = queued;
    const sealed = await sealer.seal(queued);
    if (sealed === undefined) return lanes.later(key);
    if (typeof sealed === 'string') return dropped(queued, sealed);
    // Known by another name since this session began: it waits for the next one.
    if (sealed.box !== port.box) return lanes.later(key);
    const parcel: Parcel = { kind: 'message', id, expiresAt: sealed.expiresAt, sealed: sealed.sealed };
    const payload = JSON.stringify(parcel);
    if (payload.length > port.maxPacketBytes - aroundBytes) return dropped(queued, 'message-too-large');
    // The grant may have gone while it was being encrypted.
    if (stopped || !mayUse(app)) return lanes.settled(key);
    unanswered.set(key, queued);
    const published = port.publish({ app, name }, payload).then(
      () => {
        unanswered.delete(key);
        strikes.delete(key);
      },
      () => {}, // the session has ended: stop() judges
    );
    const settled = published.finally(() => side.delete(settled));
    side.add(settled);
  }

  const lanes = createLanes<{ queued: Queued; key: string; lane: string }>({
    async next(busy, most) {
      if (!clock.trusted()) return [];
      return queue
        .next(busy, most, mayUse)
        .map((queued) => ({ queued, key: keyOf(queued.app, queued.id), lane: laneOf(queued) }));
    },
    send,
    // One suspect at a time, so that blame falls on the right one.
    window: () => (port.isBusy() || strikes.size > 0 ? 1 : usualWindow),
    gapMilliseconds: () => (port.isBusy() ? busyGapMilliseconds : 0),
    patienceMilliseconds,
    restMilliseconds,
    clock,
    onFault,
  });

  async function hear({ app, name }: { app: string; name: string }, payload: Uint8Array): Promise<void> {
    const read = parseJson(Parcel, payload);
    if (!read.ok) return;
    const parcel = read.value;
    if (parcel.kind === 'message') {
      const answer = await receiver.take({ box: port.box, app, name }, parcel);
      if (!stopped) await port.publish({ app, name }, JSON.stringify(answer)).catch(() => {}); // it comes again
      return;
    }
    const queued = queue.find(app, parcel.id);
    const key = keyOf(app, parcel.id);
    if (!queued || queued.name !== name) return;
    if (parcel.kind === 'stored') {
      await queue.delivered(queued);
      strikes.delete(key);
      lanes.settled(key);
    } else if (isPassingRefusal(parcel.code)) lanes.later(key);
    else await dropped(queued, codeOfRefusal(parcel.code));
  }

  return {
    heard(from, payload) {
      // What is too much is not answered, and comes again.
      if (stopped || pending >= mostHeard) return;
      pending += 1;
      turn = turn
        .then(() => hear(from, payload))
        .catch(onFault)
        .finally(() => {
          pending -= 1;
        });
    },
    wake: () => lanes.wake(),
    async stop({ byBroker }) {
      stopped = true;
      await lanes.stop();
      await turn;
      await Promise.all(side);
      if (!byBroker) return;
      const [suspect] = unanswered;
      if (!suspect) return;
      const [key, queued] = suspect;
      const count = (strikes.get(key) ?? 0) + 1;
      strikes.set(key, count);
      if (count < mostStrikes) return;
      strikes.clear();
      await giveUp(queued, 'publish-refused').catch(onFault);
      onRefused(new Refusal('publish-refused', `${queued.app}: a message under ${queued.name}`));
    },
  };
}
