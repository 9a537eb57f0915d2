/** Rollouts of releases in waves, and what boxes tell of them. */
import type { ProblemTable } from './table.js';

export const rolloutsProblems = {
  'release-not-offered': [
    409,
    'this release is not handed out to this box now',
    'nothing on the box; its maker hands it out to some boxes first, or has stopped doing so',
  ],
  'rollout-unknown': [404, 'this release is not rolled out in waves', 'look at webizen app status'],
  'rollout-plan-wrong': [
    400,
    'the waves of a rollout are percentages, each more than the one before, and the last is 100',
    'say them like 5,25,100',
  ],
  'rollout-late': [
    409,
    'the release was published without a rollout, and boxes may have it already',
    'withdraw it, or publish a newer release with a rollout',
  ],
  'rollout-over': [409, 'the rollout is over', 'publish a newer release'],
  'rollout-paused': [409, 'the rollout is paused', 'read why, then resume or abort it'],
  'rollout-held': [403, 'the provider has paused the rollout', 'ask the provider; it can be aborted all the same'],
  'rollout-failing': [
    409,
    'more boxes failed with the release than its rollout bears, and it was stopped',
    'look at webizen app rollout show for the reasons, then publish a newer release, or resume or abort the rollout',
  ],
} as const satisfies ProblemTable;
