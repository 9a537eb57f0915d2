/** One look at everything: what has begun and what is over, gathered before any of it counts. */
import type { AlertRule } from '#contract/alerts.js';
import { type Befell, type Held, holds, type LiveAlert, type Subject, step } from './evaluate.js';

export interface Change {
  rule: string;
  box: string;
  before: LiveAlert | undefined;
  after: LiveAlert | undefined;
}

export interface Looked {
  rules: Iterable<AlertRule>;
  subjects: ReadonlyMap<string, Subject>;
  /** By rule, then by box. */
  alerts: ReadonlyMap<string, ReadonlyMap<string, LiveAlert>>;
  befell: Befell;
  /** What holds for the territory as a whole. */
  territory: (rule: AlertRule) => Held | undefined;
  /** No box is found offline: the provider has just started, and its boxes are on their way back. */
  isStarting: boolean;
  now: number;
}

const inOneGo = 20_000;
const none: ReadonlyMap<string, LiveAlert> = new Map();
const nowhere = { label: '', place: '' };

/** Other work has its turn in between. */
export async function look({ rules, subjects, alerts, befell, territory, isStarting, now }: Looked): Promise<Change[]> {
  const changes: Change[] = [];
  let done = 0;
  for (const rule of rules) {
    const mine = alerts.get(rule.id) ?? none;
    const see = (box: string, held: Held | undefined, about: { label: string; place: string }) => {
      const before = mine.get(box);
      if (!held && !before) return;
      const after = step(rule, held, before, about, now);
      if (after !== before) changes.push({ rule: rule.id, box, before, after });
    };
    const skips = isStarting && rule.when.kind === 'offline';
    if (rule.enabled && rule.when.kind === 'refusals') see('', territory(rule), nowhere);
    else if (rule.enabled)
      for (const [id, box] of subjects) {
        // What fires already goes on; what would begin to, waits.
        if (!skips || mine.get(id)?.state === 'firing' || box.state === 'online')
          see(id, holds(rule, box, now, befell), box);
        done += 1;
        if (done % inOneGo === 0) await new Promise((resolve) => setImmediate(resolve));
      }
    for (const [box, alert] of mine)
      if (!rule.enabled || (box !== '' && !subjects.has(box))) see(box, undefined, alert);
  }
  return changes;
}
