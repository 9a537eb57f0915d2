/** How the box is doing, wired: what is measured, what is amiss, and who is told of it. */
import type { Condition } from '#contract/conditions.js';
import type { Refusal } from '#contract/problems.js';
import type { Config } from './config.js';
import type { MembershipRoom } from './enrolment/membership.js';
import { type Conditions, createConditions } from './health/conditions.js';
import { createKept } from './health/kept.js';
import { type AppPlace, createProbe, type Probe } from './health/probe.js';
import { createSampler, type Sampler } from './health/sampler.js';
import { openStarts } from './health/starts.js';
import type { Host } from './host/host.js';
import type { Outbox } from './link/outbox.js';
import type { Store } from './store/store.js';
import { bootId } from './time/boot.js';
import type { TrustedTime } from './time/trusted-time.js';

export interface Health {
  probe: Probe;
  sampler: Sampler;
  conditions: Conditions;
  /** For a report. */
  report(): Condition[];
  stop(): Promise<void>;
}

export async function openHealth(wish: {
  config: Config;
  host: Host;
  clock: TrustedTime;
  store: Store;
  outbox: Outbox;
  membership: MembershipRoom;
  freeBytes: () => number;
  apps: () => readonly AppPlace[];
  /** Something of it is new in a report. */
  onReport: () => void;
  onRefused: (refusal: Refusal) => void;
}): Promise<Health> {
  const { config, host, clock, membership, onRefused } = wish;
  const kept = createKept(wish.store);
  const starts = await openStarts({ kept, boot: await bootId(host) });
  const conditions = await createConditions({
    kept,
    clock,
    monotonic: host.monotonic,
    facts() {
      const certificate = membership.view().current.certificate;
      return {
        starts: starts.facts(),
        certificate:
          certificate && clock.trusted()
            ? {
                lateMilliseconds: clock.now() - certificate.renewAt,
                leftMilliseconds: certificate.notAfter - clock.now(),
              }
            : undefined,
      };
    },
    onRefused,
  });
  conditions.subscribe(wish.onReport);
  const probe = createProbe({
    host,
    dataDir: config.dataDir,
    apps: wish.apps,
    time: () => ({
      trusted: clock.trusted(),
      offsetSeconds: clock.trusted() ? Math.round((host.clock.now() - clock.now()) / 1000) : undefined,
    }),
  });
  const sampler = createSampler({
    probe,
    assess: conditions.take,
    store: (sample) => wish.outbox.add(sample),
    stamp: clock.stamp,
    freeBytes: wish.freeBytes,
    intervalSeconds: config.health.intervalSeconds,
    clock,
    onRefused,
  });
  return {
    probe,
    sampler,
    conditions,
    report: conditions.report,
    async stop() {
      await sampler.stop();
      probe.stop();
      await starts.end();
    },
  };
}
