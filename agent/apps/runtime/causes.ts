/** Why an app ended, in a code and in words. */
import type { Static } from 'typebox';
import type { Told } from '#contract/changes.js';
import { Refusal } from '#contract/problems.js';
import { textOf } from './output.js';
import type { Container } from './podman.js';

/** 128 + SIGKILL, as shells and engines count an end by a signal. */
const killed = 137;
const longestLine = 200;

/** Nothing in it that moves a terminal's cursor. */
const lastLine = (output: Buffer): string =>
  (textOf(output).trimEnd().split('\n').at(-1) ?? '')
    .replace(/\p{Cc}/gu, ' ')
    .trim()
    .slice(0, longestLine);

export function causeOf(container: Container | undefined, output: Buffer): Refusal {
  if (!container) return new Refusal('app-crashed', 'its container was removed');
  const { OOMKilled, ExitCode } = container.State;
  if (OOMKilled) return new Refusal('app-out-of-memory');
  const line = lastLine(output);
  const how =
    ExitCode === killed
      ? 'it was killed, as the kernel does to what needs more memory than it may have'
      : `it ended with code ${ExitCode}`;
  return new Refusal('app-crashed', line ? `${how}; its last line was: ${line}` : how);
}

export function told({ problem }: Refusal): Static<typeof Told> {
  const { code, title, remedy, detail } = problem;
  return { code, title, remedy, ...(detail ? { detail } : {}) };
}
