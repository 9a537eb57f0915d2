/** Whether a box needs care, and why, in words: the provider has decided. Pure. */
import type { BoxSummary, Care } from '#contract/operator.js';
import { conditionTitle } from './condition-words.js';
import { texts } from './texts.js';

export type Tone = 'good' | 'attention' | 'trouble' | 'unknown';

export interface Standing {
  tone: Tone;
  word: string;
  /** Why it needs care; empty when it does not. */
  reasons: string[];
}

/** From here on a value is drawn as a threshold in the charts. */
export const thresholds = { disk: 0.9, memory: 0.95, temperature: 80 } as const;

type Reason = Care['reasons'][number];

function sayReason({ kind, since, condition }: Reason, box: BoxSummary, now: number): string {
  const words = texts.care;
  switch (kind) {
    case 'cloned':
      return words.cloned;
    case 'silent':
      return since === undefined ? words.silent : words.silentFor(now - since);
    case 'never-online':
      return words.neverOnline(now - box.enrolledAt);
    case 'certificate-ended':
      return words.certificateEnded;
    case 'certificate-ending':
      return words.certificateEnds(box.certificate.notAfter - now);
    case 'no-reports':
      return since === undefined ? words.silent : words.stale(now - since);
    case 'condition':
      return conditionTitle(condition ?? '').replace(/^The |^An? /, (article) => article.toLowerCase());
  }
}

export const toneOf: Record<Care['level'], Tone> = {
  trouble: 'trouble',
  attention: 'attention',
  good: 'good',
  none: 'unknown',
};

export function standingOf(box: BoxSummary, now: number): Standing {
  const { level, reasons }: Care = box.care ?? { level: 'none', reasons: [] };
  return {
    tone: toneOf[level],
    word: texts.states[box.state],
    reasons: reasons.map((reason) => sayReason(reason, box, now)),
  };
}
