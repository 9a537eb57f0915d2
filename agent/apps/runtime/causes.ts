/** Why an app ended, in a code and in words. */
import type { Static } from 'typebox';
import type { Told } from '#contract/changes.js';
import { Refusal } from '#contract/problems.js';

/** How a run ended, as far as its engine knows. */
export interface End {
  code: number;
  /** Certain; without it a kill for want of memory looks like any other. */
  outOfMemory: boolean;
}

/** 128 + SIGKILL, as shells and engines count an end by a signal. */
const killed = 137;
const longestLine = 200;

/** Nothing in it that moves a terminal's cursor. */
const lastLine = (printed: string): string =>
  (printed.trimEnd().split('\n').at(-1) ?? '')
    .replace(/\p{Cc}/gu, ' ')
    .trim()
    .slice(0, longestLine);

/** Undefined: it is gone without a trace. */
export function causeOf(end: End | undefined, printed: string): Refusal {
  if (!end) return new Refusal('app-crashed', 'its container was removed');
  if (end.outOfMemory) return new Refusal('app-out-of-memory');
  const line = lastLine(printed);
  const how =
    end.code === killed
      ? 'it was killed, as the kernel does to what needs more memory than it may have'
      : `it ended with code ${end.code}`;
  return new Refusal('app-crashed', line ? `${how}; its last line was: ${line}` : how);
}

export function told({ problem }: Refusal): Static<typeof Told> {
  const { code, title, remedy, detail } = problem;
  return { code, title, remedy, ...(detail ? { detail } : {}) };
}
