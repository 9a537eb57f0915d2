/** Brings to each box what waits for it, while it is online, until it has said that it has it. */
import type { Clock } from '#common/clock.js';
import { createLanes, type Lanes } from '#common/messages/lanes.js';
import { isPassingRefusal, type Parcel } from '#contract/messages.js';
import { buildTopic } from '#contract/topics.js';
import type { Shelves, Waiting } from './shelves.js';

export interface Delivery {
  /** A session of the box has begun: what was on its way in the one before is sent again. */
  born(box: string): void;
  /** Something waits for the box. */
  wake(box: string): void;
  left(box: string): void;
  /** What the box says of a message that it was sent. */
  answered(box: string, app: string, parcel: Exclude<Parcel, { kind: 'message' }>): Promise<void>;
  stop(): Promise<void>;
}

const window = 4;
const patienceMilliseconds = 30_000;
const restMilliseconds = 30_000;

export function createDelivery({
  shelves,
  online,
  publish,
  clock,
  log,
}: {
  shelves: Shelves;
  online: (box: string) => boolean;
  publish: (topic: string, payload: string) => void;
  clock: Clock;
  log: { error(details: object, text: string): void };
}): Delivery {
  const lanes = new Map<string, Lanes>();
  const ending = new Set<Promise<void>>();
  let stopped = false;

  const keyOf = (app: string, id: string): string => `${app}/${id}`;

  async function next(box: string, busy: ReadonlySet<string>, most: number) {
    if (!online(box)) return [];
    const found = await shelves.nextDown(box, busy, most);
    return found.map((waiting) => ({
      waiting,
      key: keyOf(waiting.app, waiting.id),
      lane: `${waiting.app}/${waiting.name}`,
    }));
  }

  async function send(box: string, { app, name, id, expiresAt, sealed }: Waiting): Promise<void> {
    if (expiresAt <= clock.now()) {
      await shelves.settleDown(app, id, { state: 'expired' });
      return lanes.get(box)?.settled(keyOf(app, id));
    }
    const parcel: Parcel = { kind: 'message', id, expiresAt, sealed };
    publish(buildTopic({ box, direction: 'down', kind: 'app', app, name }), JSON.stringify(parcel));
  }

  function open(box: string): Lanes {
    const its = createLanes<{ waiting: Waiting; key: string; lane: string }>({
      next: (busy, most) => next(box, busy, most),
      send: ({ waiting }) => send(box, waiting),
      window: () => window,
      ...{ patienceMilliseconds, restMilliseconds, clock },
      onFault: (error) => log.error({ err: error, box }, 'cannot bring a message to a box'),
    });
    lanes.set(box, its);
    return its;
  }

  function left(box: string): void {
    const its = lanes.get(box);
    if (!its) return;
    lanes.delete(box);
    const end = its.stop().finally(() => ending.delete(end));
    ending.add(end);
  }

  function wake(box: string): void {
    if (!stopped && online(box)) (lanes.get(box) ?? open(box)).wake();
  }

  return {
    wake,
    left,
    born(box) {
      left(box);
      wake(box);
    },
    async answered(box, app, parcel) {
      const { id } = parcel;
      if (shelves.state(app, id)?.box !== box) return; // it speaks of what was never sent to it
      if (parcel.kind === 'refused' && isPassingRefusal(parcel.code)) return lanes.get(box)?.later(keyOf(app, id));
      await shelves.settleDown(
        app,
        id,
        parcel.kind === 'stored' ? { state: 'delivered' } : { state: 'refused', code: parcel.code },
      );
      lanes.get(box)?.settled(keyOf(app, id));
    },
    async stop() {
      stopped = true;
      for (const box of [...lanes.keys()]) left(box);
      await Promise.all(ending);
    },
  };
}
