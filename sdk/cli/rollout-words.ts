/** Rollouts in words, and out of them. */
import { Refusal } from '#contract/problems.js';
import { isRising, type ResultCounts, type RolloutPlan, type RolloutView, rolloutDefaults } from '#contract/rollout.js';

const mostHours = 720;

function wholeOf(given: string, name: string, [least, most]: readonly [number, number]): number {
  const value = /^\d{1,4}$/.test(given) ? Number(given) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new Refusal('arguments-invalid', `${name} is a whole number from ${least} to ${most}, not ${given}`);
}

/** Undefined where none is wished. @throws Refusal `arguments-invalid`, `rollout-plan-wrong` */
export function planIn(wish: {
  rollout?: string | undefined;
  'stop-at'?: string | undefined;
  'hold-hours'?: string | undefined;
}): RolloutPlan | undefined {
  const { rollout, 'stop-at': stopAt, 'hold-hours': holdHours } = wish;
  if (rollout === undefined) {
    if (stopAt === undefined && holdHours === undefined) return undefined;
    throw new Refusal('arguments-invalid', '--stop-at and --hold-hours go with --rollout');
  }
  const plan: RolloutPlan = {
    waves: rollout.split(',').map((one) => wholeOf(one.trim().replace(/%$/, ''), 'a wave', [1, 100])),
    stopAt: stopAt === undefined ? rolloutDefaults.stopAt : wholeOf(stopAt.replace(/ ?%$/, ''), '--stop-at', [1, 100]),
    holdHours: holdHours === undefined ? rolloutDefaults.holdHours : wholeOf(holdHours, '--hold-hours', [0, mostHours]),
  };
  if (!isRising(plan) || plan.waves.length > 10) throw new Refusal('rollout-plan-wrong', rollout);
  return plan;
}

/** One line. */
export function sayRollout({ state, wave, plan, percent, why }: RolloutView): string {
  const where = `wave ${wave} of ${plan.waves.length}, ${percent} %`;
  if (state === 'complete') return 'complete';
  const who = why?.by === 'provider' ? ' by the provider' : '';
  return `${state}${who}, ${where}${why?.text ? `: ${why.text}` : ''}`;
}

export function sayCounts({ outcomes, codes }: ResultCounts): string {
  const said = Object.entries(outcomes).map(([word, count]) => `${count} ${word}`);
  const why = Object.entries(codes).map(([code, count]) => `${code} ${count}`);
  return `${said.join(', ') || 'nothing yet'}${why.length > 0 ? ` (${why.join(', ')})` : ''}`;
}
