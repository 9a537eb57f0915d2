/** What is to become of a command that is verified, addressed here and new: decided purely. */
import { type Command, commandParameters, longestCommandSeconds } from '#contract/commands.js';
import { type ProviderSettings, type RuledKind, ruledKinds } from '#contract/owner-commands.js';
import { check } from '#contract/parse.js';
import type { ProblemCode } from '#contract/problems.js';

export type Verdict =
  | { do: 'begin' }
  /** The owner is asked. */
  | { do: 'ask' }
  | { do: 'end'; outcome: 'refused' | 'expired'; code: ProblemCode; detail?: string };

/** What interrupts apps: it waits for what they hold. */
export const disturbing: ReadonlySet<string> = new Set(['restart-agent', 'reboot']);

/** Not sent as commands (`set-intervals` is a desired state), or not to be done yet. */
const done = ['refresh', 'live', 'diagnostics', 'rotate-key', 'restart-agent', 'reboot', 'update'] as const;
const isDone = (kind: string): kind is (typeof done)[number] => (done as readonly string[]).includes(kind);
const isRuled = (kind: string): kind is RuledKind => (ruledKinds as readonly string[]).includes(kind);

/**
 * @param trusted whether `now` is the time, or only the earliest that it can be
 * @param canUpdate whether the machine has a second system
 */
export function judge(
  { kind, parameters, issuedAt, expiresAt }: Command,
  {
    now,
    trusted,
    settings,
    canUpdate = false,
  }: { now: number; trusted: boolean; settings: ProviderSettings; canUpdate?: boolean },
): Verdict {
  const refuse = (code: ProblemCode, detail?: string): Verdict => ({
    do: 'end',
    outcome: 'refused',
    code,
    ...(detail === undefined ? {} : { detail }),
  });
  if (expiresAt <= issuedAt || expiresAt - issuedAt > longestCommandSeconds * 1000)
    return refuse('command-malformed', 'it is to live for too long');
  if (now >= expiresAt) return { do: 'end', outcome: 'expired', code: 'command-expired' };
  if (!isDone(kind) || (kind === 'update' && !canUpdate)) return refuse('command-unsupported', kind);
  // A refresh tells only what is told anyway. All else could be an old command that was kept back.
  if (!trusted && kind !== 'refresh') return refuse('command-time-unknown');
  if (!check(commandParameters[kind], parameters).ok) return refuse('command-parameters', kind);
  if (kind === 'live' && settings.reporting === 'minimum')
    return refuse('command-declined', 'the owner has switched all but the minimum off');
  return isRuled(kind) && settings.rules[kind] === 'ask' ? { do: 'ask' } : { do: 'begin' };
}
