/** Whether a box needs care, and why. Pure. */
import type { BoxSummary } from '#contract/operator.js';
import { texts } from './texts.js';

export type Tone = 'good' | 'attention' | 'trouble' | 'unknown';

export interface Standing {
  tone: Tone;
  word: string;
  /** Why it needs care; empty when it does not. */
  reasons: string[];
}

const hour = 3_600_000;
const day = 24 * hour;

/** From here on a value is drawn as a threshold in the charts, and asks for care. */
export const thresholds = { disk: 0.9, memory: 0.95, temperature: 80 } as const;
/** A box renews at two thirds of the lifetime, ten days before the end of thirty: half of that has gone by unrenewed. */
const certificateMilliseconds = 5 * day;
/** Batches come every five minutes. */
const staleMilliseconds = 20 * 60_000;

function certificateReason(box: BoxSummary, now: number): string | undefined {
  const left = box.certificate.notAfter - now;
  if (left <= 0) return texts.care.certificateEnded;
  // A territory whose certificates live for hours renews within hours: that is not late.
  const longLived = box.certificate.notAfter - box.enrolledAt > 3 * certificateMilliseconds;
  return longLived && left < certificateMilliseconds ? texts.care.certificateEnds(left) : undefined;
}

function healthReasons(box: BoxSummary, now: number): (string | undefined)[] {
  if (!box.health) return [];
  const { at, values } = box.health;
  const above = (name: string, threshold: number, say: (value: number) => string) => {
    const value = values[name];
    return value !== undefined && value >= threshold ? say(value) : undefined;
  };
  return [
    above('system.filesystem.utilization', thresholds.disk, texts.care.disk),
    above('system.memory.utilization', thresholds.memory, texts.care.memory),
    above('hw.temperature', thresholds.temperature, texts.care.temperature),
    now - at > staleMilliseconds ? texts.care.stale(now - at) : undefined,
  ];
}

export function standingOf(box: BoxSummary, now: number): Standing {
  const words = texts.states;
  if (box.state === 'revoked' || box.state === 'left') return { tone: 'unknown', word: words[box.state], reasons: [] };
  const certificate = certificateReason(box, now);
  const cloned = box.cloned === null ? [] : [texts.care.cloned];
  if (box.state === 'offline') {
    const silent = box.lastSeen === null ? texts.care.silent : texts.care.silentFor(now - box.lastSeen);
    return {
      tone: 'trouble',
      word: words.offline,
      reasons: [...cloned, silent, ...(certificate ? [certificate] : [])],
    };
  }
  if (box.state === 'enrolled') {
    const late = now - box.enrolledAt > hour;
    const reasons = late ? [texts.care.neverOnline(now - box.enrolledAt)] : [];
    return { tone: late ? 'attention' : 'unknown', word: words.enrolled, reasons };
  }
  const reasons = [certificate, ...healthReasons(box, now)].filter((reason) => reason !== undefined);
  if (cloned.length > 0) return { tone: 'trouble', word: words.online, reasons: [...cloned, ...reasons] };
  return { tone: reasons.length > 0 ? 'attention' : 'good', word: words.online, reasons };
}

export const needsCare = (standing: Standing): boolean => standing.reasons.length > 0;

const order: readonly Tone[] = ['trouble', 'attention', 'good', 'unknown'];
/** Worst first. */
export const byUrgency = (a: Standing, b: Standing): number => order.indexOf(a.tone) - order.indexOf(b.tone);
