/**
 * Tells a territory's own words from whatever else a broker may bring.
 *
 * Whose keys count is asked of the provider over https, and again before anything new is followed: a key that was stolen
 * and taken back since signs nothing any more. Where it cannot be asked, the keys of the last profile count.
 */
import { type Addressee, type CommandFault, type Verified, verifyCommand, verifyDesired } from '#common/commands.js';
import type { Command, DesiredState } from '#contract/commands.js';
import type { ProblemCode } from '#contract/problems.js';
import { createBucket } from './bucket.js';

export interface Reader {
  command(jws: string): Promise<Verified<Command>>;
  desired(jws: string): Promise<Verified<DesiredState>>;
  /** Resolves when the provider was asked which keys count, unless that was a short while ago. */
  refresh(): Promise<void>;
}

export const codeOf: Readonly<Record<CommandFault, ProblemCode>> = {
  malformed: 'command-malformed',
  'unknown-key': 'command-foreign',
  elsewhere: 'command-foreign',
  forged: 'command-forged',
};

/** What was asked so long ago counts still. */
const freshMilliseconds = 600_000;
/** Strangers' keys make the box ask a few times, and then no oftener than this. */
const againMilliseconds = 20_000;
const mostAtOnce = 4;

export function createReader({
  standing,
  relearn,
  monotonic,
}: {
  /** Undefined while the box belongs to nobody, or to a territory that sends no commands. */
  standing: () => Addressee | undefined;
  /** Fetches the profile. Never rejects. */
  relearn: () => Promise<void>;
  monotonic: () => number;
}): Reader {
  let askedAt = Number.NEGATIVE_INFINITY;
  const strangers = createBucket({ most: mostAtOnce, everyMilliseconds: againMilliseconds, monotonic });

  async function ask(): Promise<void> {
    askedAt = monotonic();
    await relearn();
  }

  async function read<T>(
    jws: string,
    verify: (jws: string, to: Addressee) => Promise<Verified<T>>,
  ): Promise<Verified<T>> {
    const now = async (): Promise<Verified<T>> => {
      const to = standing();
      return to ? verify(jws, to) : { ok: false, fault: 'unknown-key' };
    };
    const first = await now();
    if (first.ok || first.fault !== 'unknown-key' || !standing() || !strangers.take()) return first;
    await ask();
    return now();
  }

  return {
    command: (jws) => read(jws, verifyCommand),
    desired: (jws) => read(jws, verifyDesired),
    async refresh() {
      if (monotonic() - askedAt >= freshMilliseconds) await ask();
    },
  };
}
