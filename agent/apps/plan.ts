/** What a change of an app consists of, and what its failures mean. Pure. */
import type { Change } from '#contract/changes.js';
import { longestHoldSeconds } from '#contract/leases.js';
import { healthDefaults, type Manifest } from '#contract/manifest.js';
import { Refusal } from '#contract/problems.js';
import type { OutcomeWord } from '#contract/rollout.js';
import type { Wish } from '../changes/changes.js';

/** Of these, one at a time; of different apps side by side. */
export const groupOf = (app: string): string => `app:${app}`;

const step = (kind: string) => ({ kind });
const arrive = ['app-next', 'app-fetch', 'app-verify', 'app-load'].map(step);
const begin = ['app-start', 'app-pass', 'app-commit'].map(step);
const install = [...arrive, ...begin];
/** All that needs nothing of the app that runs comes before it waits for that app. */
const update = [...arrive, step('app-wait'), ...begin];
const remove = ['app-stop', 'app-container', 'app-data', 'app-record', 'app-image'].map(step);
const daySeconds = 86_400;

export type AppWish =
  /** `manager`: the link of the member whom the owner lets decide. */
  | { kind: 'install' | 'update'; app: string; release: string; manager?: string | undefined }
  | { kind: 'remove'; app: string };

export function plan(wish: AppWish): Wish {
  const group = groupOf(wish.app);
  if (wish.kind === 'remove') return { kind: 'app-remove', group, steps: remove, data: { app: wish.app } };
  const { manager } = wish;
  const data = { app: wish.app, release: wish.release, ...(manager === undefined ? {} : { manager }) };
  if (wish.kind === 'install') return { kind: 'app-install', group, steps: install, data, deadlineSeconds: daySeconds };
  const deadlineSeconds = daySeconds + longestHoldSeconds;
  return { kind: 'app-update', group, steps: update, data, deadlineSeconds };
}

/** Whether what ran before still runs, or should: nothing of the change has touched it yet. */
export const isUntouched = ({ kind, state, steps }: Change): boolean =>
  state === 'stuck' ||
  (kind !== 'app-remove' &&
    steps.every((one) => one.kind !== 'app-start' || ['waiting', 'undone'].includes(one.state)));

/** All that is left of it touches the app, which does not let it yet. */
export const isWaiting = ({ state, steps }: Change): boolean =>
  state === 'doing' && steps.some((one) => one.kind === 'app-wait' && one.state === 'doing');

/** Tried again until the change's deadline. All else is the release's own fault, or for the box to mend first. */
const passing = new Set<string>([
  'internal',
  'unavailable',
  'est-unreachable',
  'runtime-unavailable',
  'server-expired',
  'server-untrusted',
  'time-outside-chain',
  'time-below-floor',
]);
export const isFinal = ({ code }: Refusal): boolean => !passing.has(code);

const unheard = new Set<string>(['est-unreachable', 'not-a-member', 'unavailable']);
/** The catalogue could not be asked. */
export const isUnheard = (error: unknown): boolean => error instanceof Refusal && unheard.has(error.code);

const blamed = new Set<string>([
  'app-unhealthy',
  'app-crashed',
  'app-out-of-memory',
  'app-start-failed',
  'image-mismatch',
]);
/** The release itself has failed: it is not tried again unless its owner says so. */
export const isReleasesFault = ({ code }: Refusal): boolean => blamed.has(code);

/** What the box, its owner, its provider or the network held up: it says nothing of the release. */
const circumstances = new Set<string>([
  ...passing,
  'disk-full',
  'change-deadline',
  'not-a-member',
  'too-many-requests',
  'api-too-old',
  'app-bound-elsewhere',
  'succession-undecided',
  'blob-unknown',
  'listing-unknown',
]);
const ofStanding = /^(?:status|member|credential|release|server|est)-/;

/** How a change that was undone for this code is told of. */
export function undoneAs(kind: 'install' | 'update', code: string): OutcomeWord {
  if (circumstances.has(code) || ofStanding.test(code)) return 'refused';
  return kind === 'update' ? 'rolled-back' : 'failed';
}

/** Longer than any health check may take to make up its mind. Milliseconds. */
export function gateMilliseconds({ health }: Manifest): number {
  const { graceSeconds = healthDefaults.graceSeconds } = health;
  const { intervalSeconds, timeoutSeconds, failures } = { ...healthDefaults, ...health };
  const checks = health.kind === 'ready' ? 0 : failures * (intervalSeconds + timeoutSeconds);
  return (graceSeconds + checks + 60) * 1000;
}

const mebibyte = 1024 * 1024;
export const quotaOf = ({ resources }: Manifest): number => resources.storageMiB * mebibyte;
