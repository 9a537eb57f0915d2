/**
 * What befalls a simulated box, and how it tells. What happens in a span of time is a pure function of the box; what is not
 * covered waits in memory, for there is little of it.
 */
import { type EventType, eventTable } from '#contract/event-table.js';
import { type BoxEvent, type EventBatch, type EventFacts, mostEvents } from '#contract/events.js';
import type { Ack } from '#contract/health.js';
import { day, type Life, uptime } from './life.js';
import { chance } from './random.js';

/** What outlasts a run. */
export interface KeptEvents {
  last: number;
  waiting: BoxEvent[];
  /** Up to when it has been looked what befell it, simulated. */
  until: number;
}

/** At most so many wait; the simulation counts no gap, so a month away is cut to what there is room for. */
const mostWaiting = 400;
const patienceMilliseconds = 30_000;
const ask = { renewal: 80, update: 81, crash: 82 } as const;
const renewalEvery = 20 * day;
const updateEvery = 9 * day;
const crashEvery = day / 2;

/** How often something of a period has happened by then. */
const turns = ({ seed, index }: Life, about: number, every: number, at: number): number =>
  Math.floor(at / every + chance(seed, about, index));

/** In `(from, to]`, in the order of their kinds. Pure. */
export function befell(life: Life, from: number, to: number): { type: EventType; facts: EventFacts }[] {
  const found: { type: EventType; facts: EventFacts }[] = [];
  const happens = (about: number, every: number) => turns(life, about, every, to) > turns(life, about, every, from);
  if (uptime(life, to) < to - from) found.push({ type: 'boot', facts: { reason: 'ordered' } });
  if (life.leakPerHour > 0 && happens(ask.crash, crashEvery)) found.push({ type: 'agent-crashed', facts: {} });
  if (happens(ask.renewal, renewalEvery))
    found.push({
      type: 'certificate-renewed',
      facts: { serial: turns(life, ask.renewal, renewalEvery, to).toString(16) },
    });
  const [app] = life.apps;
  if (app && happens(ask.update, updateEvery))
    found.push({
      type: 'app-updated',
      facts: { app: app.id, version: `1.${turns(life, ask.update, updateEvery, to)}.0` },
    });
  return found;
}

export interface Telling {
  readonly kept: KeptEvents;
  /** @param now simulated @param real monotonic, milliseconds */
  tick(now: number, real: number): void;
  /** Something that hangs on no life: the power has failed. */
  add(type: EventType, facts: EventFacts, now: number): void;
  /** A session has begun. */
  begin(): void;
  heard(ack: Ack): void;
  isCovered(): boolean;
}

export function createTelling({
  life,
  epoch,
  kept,
  send,
}: {
  life: Life;
  epoch: string;
  kept: KeptEvents;
  /** False where there is no session. */
  send: (batch: EventBatch) => boolean;
}): Telling {
  let sentAt: number | undefined;

  function add(type: EventType, facts: EventFacts, now: number): void {
    if (kept.waiting.length >= mostWaiting) return;
    kept.last += 1;
    const at = Math.round(now + (life.clockOff ?? 0));
    const clock = life.clockOff === undefined ? {} : { clock: 'unknown' as const };
    kept.waiting.push({ ...{ seq: kept.last, at, type, severity: eventTable[type].severity, facts }, ...clock });
  }

  return {
    kept,
    add,
    tick(now, real) {
      for (const { type, facts } of befell(life, kept.until, now)) add(type, facts, now);
      kept.until = now;
      if (kept.waiting.length === 0 || (sentAt !== undefined && real - sentAt < patienceMilliseconds)) return;
      if (send({ epoch, events: kept.waiting.slice(0, mostEvents) })) sentAt = real;
    },
    begin() {
      sentAt = undefined;
    },
    heard({ epoch: itsEpoch, events }) {
      if (itsEpoch !== epoch || events === undefined) return;
      kept.waiting = kept.waiting.filter(({ seq }) => seq > events);
      sentAt = undefined;
    },
    isCovered: () => kept.waiting.length === 0,
  };
}
