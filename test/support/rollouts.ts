/** The rooms of a provider that roll releases out, over a real store and a clock that a test moves; boxes are records. */
import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import type { Outcome, RolloutPlan } from '#contract/rollout.js';
import { createRegistry, type Listed } from '../../provisioning/catalogue/registry.js';
import { createEventLog } from '../../provisioning/fleet/events.js';
import { openResults } from '../../provisioning/rollouts/results.js';
import { createRollouts } from '../../provisioning/rollouts/rollouts.js';
import { createRolloutWatch } from '../../provisioning/rollouts/watch.js';
import type { BoxRecord } from '../../provisioning/store/boxes.js';
import { openStore } from '../../provisioning/store/store.js';
import { ownFolder } from './folder.js';
import { createManualClock, type ManualClock } from './manual-clock.js';

export const app = 'example.visits';
export const member = 'example-soft';
export const idOf = (name: string): string => Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64);
export const minute = 60_000;
export const hour = 60 * minute;

export const outcomeOf = (release: string, more: Partial<Outcome> = {}): Outcome => ({
  id: randomBytes(16).toString('hex'),
  app,
  release,
  from: null,
  kind: 'update',
  outcome: 'done',
  problem: null,
  at: 1,
  agent: '0.1.0',
  ...more,
});

export const failed: Partial<Outcome> = {
  outcome: 'rolled-back',
  problem: { code: 'app-unhealthy', title: 'it does not pass' },
};

/** Opened again over the same folder, it is the provider after a stop. */
export async function openRolling(folder: string, clock: ManualClock) {
  const store = await openStore(folder);
  const events = createEventLog({ store, clock });
  const rollouts = createRollouts({ store, clock, events });
  await rollouts.open();
  const registry = createRegistry({ store, clock, events, rollouts });
  const quota = { take: () => true };
  const results = await openResults({ store, rollouts, registry, quota, clock, events });
  const watch = createRolloutWatch({ rollouts, clock, log: { error: (_, text) => console.error(text) } });

  function listed(version: string, more: Partial<Listed> = {}): Listed {
    return {
      ...{ id: idOf(`${app} ${version}`), app, version, channel: 'stable', architecture: 'arm64', member },
      ...{ name: { en: 'Visits' }, summary: { en: 'Counts' }, sizeBytes: 1, publishedAt: clock.now(), private: false },
      ...more,
    };
  }

  return {
    ...{ store, events, rollouts, registry, results, watch, listed },
    async publish(version: string, rollout?: RolloutPlan, more: Partial<Listed> = {}, boxes?: string[]) {
      const one = listed(version, { ...more, ...(boxes && { private: true }) });
      await registry.add({ listed: one, jws: version, blobs: [], boxes, rollout });
      return one;
    },
    async boxes(count: number): Promise<string[]> {
      const names = Array.from({ length: count }, (_, at) => `wb-${String(at).padStart(4, '0')}-test`);
      const certificate = { serial: '01', notAfter: 0, keyHash: '', der: '' };
      const value: BoxRecord = { enrolledAt: 0, claim: '', certificate };
      await store.commit(names.map((key) => ({ type: 'put', sublevel: store.boxes, key, value })));
      return names;
    },
    tell: (box: string, release: string, more: Partial<Outcome> = {}) =>
      results.take(box, { outcomes: [outcomeOf(release, more)], dropped: 0 }),
    async close() {
      await watch.stop();
      await events.stop();
      await store.close();
    },
  };
}
export type Rolling = Awaited<ReturnType<typeof openRolling>>;

export async function rolling(t: Test): Promise<Rolling & { clock: ManualClock; again(): Promise<Rolling> }> {
  const folder = await ownFolder(t);
  const clock = createManualClock();
  let now = await openRolling(folder, clock);
  t.teardown(() => now.close());
  return {
    ...now,
    clock,
    async again() {
      await now.close();
      now = await openRolling(folder, clock);
      return now;
    },
  };
}
