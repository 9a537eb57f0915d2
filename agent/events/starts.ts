/** What this start of the agent says of the one before. Pure. */
import type { EventType } from '#contract/event-table.js';
import type { EventFacts } from '#contract/events.js';
import type { Marks } from './book.js';

type Start = NonNullable<Marks['start']>;

export interface Started {
  type: EventType;
  facts: EventFacts;
}

export function started(
  before: Start | undefined,
  now: {
    boot: string;
    agent: string;
    /** Why the machine started, where it tells. */
    reason: string | undefined;
    /** How many samples were lost in it. */
    lostSamples: number;
  },
): { happened: Started[]; start: Start } {
  const { boot, agent, reason, lostSamples } = now;
  const start: Start = { ...before, boot, agent, ended: false };
  const lost: EventFacts = lostSamples > 0 ? { lostSamples } : {};
  const happened: Started[] = [];
  if (!before) happened.push({ type: 'boot', facts: { reason: reason ?? 'first start' } });
  else if (before.boot !== boot && before.ended) happened.push({ type: 'boot', facts: { reason: 'ordered' } });
  else if (before.boot !== boot)
    happened.push({ type: 'boot-unexpected', facts: { reason: reason ?? 'power cut or crash', ...lost } });
  else if (before.ended) happened.push({ type: 'agent-started', facts: {} });
  else happened.push({ type: 'agent-crashed', facts: lost });
  if (before && before.agent !== agent)
    happened.push({ type: 'software-changed', facts: { what: 'agent', from: before.agent, to: agent } });
  return { happened, start };
}
