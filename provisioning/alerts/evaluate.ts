/** When a rule holds for a box, and what becomes of it over time. Pure. */
import type { AlertRule, AlertScope } from '#contract/alerts.js';
import type { Condition, Severity } from '#contract/conditions.js';
import type { BoxState, BoxSummary } from '#contract/operator.js';
import type { AlertRecord } from '../store/watch.js';

/** All that rules look at. */
export interface Subject {
  id: string;
  state: BoxState;
  /** By our clock; null: never. */
  lastSeen: number | null;
  certificateUntil: number;
  gaps: number;
  /** Since when; null: it is none. */
  clonedSince: number | null;
  conditions: readonly Pick<Condition, 'kind' | 'about' | 'severity' | 'evidence'>[];
  label: string;
  place: string;
  model: string;
}

/** What holds now: in words, and since when where our own clock knows it. */
export interface Held {
  evidence: string;
  since?: number;
}

/** As it is in memory: since when it has been over, while it still counts as firing. */
export interface LiveAlert extends AlertRecord {
  clearSince?: number;
}

export const subjectOf = (box: BoxSummary): Subject => ({
  id: box.id,
  state: box.state,
  lastSeen: box.lastSeen,
  certificateUntil: box.certificate.notAfter,
  gaps: box.gaps,
  clonedSince: box.cloned?.since ?? null,
  conditions: (box.conditions ?? []).map(({ kind, about, severity, evidence }) => ({
    ...{ kind, severity, evidence },
    ...(about !== undefined && { about }),
  })),
  label: box.label ?? '',
  place: box.place ?? '',
  model: box.model ?? '',
});

export const rank: Record<Severity, number> = { info: 0, attention: 1, trouble: 2 };

export const inScope = (
  { place, model, labelPrefix }: AlertScope,
  box: Pick<Subject, 'place' | 'model' | 'label'>,
): boolean =>
  (place === undefined || place === box.place) &&
  (model === undefined || model === box.model) &&
  (labelPrefix === undefined || box.label.startsWith(labelPrefix));

const units: readonly (readonly [number, string])[] = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
];

/** In the largest unit that fits, rounded down. */
export function lengthOf(seconds: number): string {
  const [size, name] = units.find(([one]) => seconds >= one) ?? [1, 'second'];
  const count = Math.floor(seconds / size);
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

/** What a box has said lately of what befell it. */
export type Befell = (when: Extract<AlertRule['when'], { kind: 'event' }>, box: string) => Held | undefined;

/** Whether the rule holds for the box now. One that is gone, or never came, is nobody's alert but its certificate's. */
export function holds({ when, scope }: AlertRule, box: Subject, now: number, befell: Befell): Held | undefined {
  if (box.state === 'revoked' || box.state === 'left' || !inScope(scope, box)) return undefined;
  switch (when.kind) {
    case 'condition': {
      const least = rank[when.severity ?? 'info'];
      const found = box.conditions
        .filter(({ kind, severity }) => rank[severity] >= least && (when.conditions?.includes(kind) ?? true))
        .sort((a, b) => rank[b.severity] - rank[a.severity]);
      const [worst] = found;
      if (!worst) return undefined;
      const more = found.length > 1 ? ` (and ${found.length - 1} more)` : '';
      const about = worst.about === undefined ? '' : ` ${worst.about}`;
      return { evidence: `${worst.kind}${about}: ${worst.evidence}${more}` };
    }
    case 'offline':
      if (box.state !== 'offline') return undefined;
      return box.lastSeen === null
        ? { evidence: 'not heard from' }
        : { evidence: `last heard ${new Date(box.lastSeen).toISOString()}`, since: box.lastSeen };
    case 'cloned':
      return box.clonedSince === null
        ? undefined
        : { evidence: 'two machines report as this box', since: box.clonedSince };
    case 'certificate': {
      const left = box.certificateUntil - now;
      if (left > when.withinSeconds * 1000) return undefined;
      const until = new Date(box.certificateUntil).toISOString();
      return { evidence: left > 0 ? `its certificate ends ${until}` : `its certificate has ended ${until}` };
    }
    case 'gaps':
      return box.gaps >= when.samples ? { evidence: `${box.gaps} samples were taken and never came` } : undefined;
    case 'event':
      return befell(when, box.id);
    case 'refusals':
      return undefined; // of the territory
  }
}

/**
 * The alert after this look, or undefined when there is none. A state that flaps neither fires nor resolves before it has
 * held or been over for as long as the rule says. One that is resolved stays until that has been told.
 */
export function step(
  { forSeconds, clearSeconds }: Pick<AlertRule, 'forSeconds' | 'clearSeconds'>,
  held: Held | undefined,
  before: LiveAlert | undefined,
  about: { label: string; place: string },
  now: number,
): LiveAlert | undefined {
  if (held) {
    if (before?.state === 'firing' || (before?.state === 'resolved' && before.told)) {
      const { clearSince: _, ...same } = before;
      if (before.state === 'firing' && before.clearSince === undefined) return before;
      return { ...same, state: 'firing' };
    }
    // A clock that was set back must not put off for ever what is to come.
    const since = Math.min(now, before?.state === 'pending' ? before.since : (held.since ?? now));
    const alert = { since, evidence: held.evidence.slice(0, 400), label: about.label, place: about.place };
    if (now - since >= forSeconds * 1000) return { ...alert, state: 'firing', firedAt: now };
    return before?.state === 'pending' && before.since === since ? before : { ...alert, state: 'pending' };
  }
  if (before?.state === 'firing') {
    const clearSince = Math.min(now, before.clearSince ?? now);
    if (now - clearSince >= clearSeconds * 1000) return { ...before, state: 'resolved', clearSince };
    return clearSince === before.clearSince ? before : { ...before, clearSince };
  }
  return before?.state === 'resolved' ? before : undefined;
}
