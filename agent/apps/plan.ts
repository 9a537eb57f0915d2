/** What a change of an app consists of, and what its failures mean. Pure. */
import type { Change } from '#contract/changes.js';
import { healthDefaults, type Manifest } from '#contract/manifest.js';
import type { Refusal } from '#contract/problems.js';
import type { Wish } from '../changes/changes.js';

/** Of these, one at a time; of different apps side by side. */
export const groupOf = (app: string): string => `app:${app}`;

const step = (kind: string) => ({ kind });
const install = ['app-next', 'app-fetch', 'app-verify', 'app-load', 'app-start', 'app-pass', 'app-commit'].map(step);
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
  return { kind: `app-${wish.kind}`, group, steps: install, data, deadlineSeconds: daySeconds };
}

/** Whether what ran before still runs, or should: nothing of the change has touched it yet. */
export const isUntouched = ({ kind, state, steps }: Change): boolean =>
  state === 'stuck' ||
  (kind !== 'app-remove' &&
    steps.every((one) => one.kind !== 'app-start' || ['waiting', 'undone'].includes(one.state)));

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

const blamed = new Set<string>([
  'app-unhealthy',
  'app-crashed',
  'app-out-of-memory',
  'app-start-failed',
  'image-mismatch',
]);
/** The release itself has failed: it is not tried again unless its owner says so. */
export const isReleasesFault = ({ code }: Refusal): boolean => blamed.has(code);

/** Longer than any health check may take to make up its mind. Milliseconds. */
export function gateMilliseconds({ health }: Manifest): number {
  const { graceSeconds = healthDefaults.graceSeconds } = health;
  const { intervalSeconds, timeoutSeconds, failures } = { ...healthDefaults, ...health };
  const checks = health.kind === 'ready' ? 0 : failures * (intervalSeconds + timeoutSeconds);
  return (graceSeconds + checks + 60) * 1000;
}

const mebibyte = 1024 * 1024;
export const quotaOf = ({ resources }: Manifest): number => resources.storageMiB * mebibyte;
