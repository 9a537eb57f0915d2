/** Which boxes are here now. At the start none is, until its birth comes. */
import type { RoundEvents } from './events.js';
import type { Quota } from './quota.js';

export interface Presence {
  born(box: string, session: string, agent: string): void;
  /** Its birth was stored before, by this process or another: nothing is told. */
  known(box: string, session: string): void;
  /** The will of a session that the box itself has replaced says nothing about the box. */
  died(box: string, session: string, why: string): void;
  /** No session is left, whatever a will says later. */
  left(box: string): void;
  online(box: string): boolean;
  count(): number;
}

export function createPresence({ events, quota }: { events: RoundEvents; quota: Quota }): Presence {
  /** With the session of the birth. */
  const alive = new Map<string, string>();

  /** Told always, and stored unless one box would fill the log. */
  const tell = (box: string, type: string, text: string) =>
    quota.take(box) ? events.record({ type, box, text }) : events.announce({ type, box, text });

  function end(box: string, why: string): void {
    if (alive.delete(box)) tell(box, 'offline', why);
  }

  return {
    born(box, session, agent) {
      const isNew = !alive.has(box);
      alive.set(box, session); // first: whoever is told asks at once whether it is here
      if (isNew) tell(box, 'online', `agent ${agent}`);
    },
    known(box, session) {
      alive.set(box, session);
    },
    died(box, session, why) {
      if (alive.get(box) === session) end(box, why);
    },
    left: (box) => end(box, 'the connection was lost'),
    online: (box) => alive.has(box),
    count: () => alive.size,
  };
}
