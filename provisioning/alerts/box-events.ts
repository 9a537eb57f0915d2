/** What boxes said lately of what befell them: for rules that hold for a while after it. The newest of each box. */
import type { AlertWhen } from '#contract/alerts.js';
import type { Severity } from '#contract/conditions.js';
import { eventKind } from '#contract/event-table.js';
import type { FleetEvent } from '#contract/operator.js';
import { type Held, rank } from './evaluate.js';

export interface RecentEvents {
  note(event: FleetEvent): void;
  within(when: Extract<AlertWhen, { kind: 'event' }>, box: string, now: number): Held | undefined;
}

interface Noted {
  /** By our clock. */
  at: number;
  type: string;
  severity: Severity;
}

/** Of one box, one of each kind; of boxes, those that were heard last. */
const mostKinds = 40;
const mostBoxes = 20_000;

export function createRecentEvents(): RecentEvents {
  const boxes = new Map<string, Map<string, Noted>>();
  return {
    note({ box, at, said }) {
      if (box === null || !said) return;
      const kinds = boxes.get(box) ?? new Map<string, Noted>();
      boxes.delete(box);
      boxes.set(box, kinds);
      kinds.delete(said.type);
      kinds.set(said.type, { at, type: said.type, severity: said.severity });
      for (const all of [boxes, kinds] as Map<string, unknown>[])
        for (const oldest of all.keys()) {
          if (all.size <= (all === boxes ? mostBoxes : mostKinds)) break;
          all.delete(oldest);
        }
    },
    within({ events, severity, withinSeconds }, box, now) {
      const least = rank[severity ?? 'info'];
      const found = [...(boxes.get(box)?.values() ?? [])].filter(
        (one) =>
          Math.abs(now - one.at) <= withinSeconds * 1000 &&
          rank[one.severity] >= least &&
          (events?.includes(one.type) ?? true),
      );
      const newest = found.at(-1);
      if (!newest) return undefined;
      const more = found.length > 1 ? ` (and ${found.length - 1} more)` : '';
      return { evidence: `${eventKind(newest.type)?.title ?? newest.type}${more}`, since: newest.at };
    },
  };
}
