/** How the box is doing, wired: what is measured, what is amiss, and who is told of it. */
import type { Condition } from '#contract/conditions.js';
import type { Sample } from '#contract/health.js';
import type { Refusal } from '#contract/problems.js';
import type { SafeView } from '#contract/safe.js';
import type { Config } from './config.js';
import type { MembershipRoom } from './enrolment/membership.js';
import { type Conditions, createConditions } from './health/conditions.js';
import { createKept } from './health/kept.js';
import { type AppPlace, createProbe, type Probe, type Values } from './health/probe.js';
import { createSampler, type Sampler } from './health/sampler.js';
import { openStarts } from './health/starts.js';
import type { Host } from './host/host.js';
import type { Store } from './store/store.js';
import { bootId } from './time/boot.js';
import type { Stamp, TrustedTime } from './time/trusted-time.js';

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
  /** Stores a sample for the provider, where it is told. */
  keep: (sample: Stamp & { values: Values }) => Promise<Sample>;
  intervalSeconds: () => number;
  membership: MembershipRoom;
  safe: (now: number) => SafeView | undefined;
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
        safe: wish.safe(clock.now()),
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
    store: wish.keep,
    stamp: clock.stamp,
    freeBytes: wish.freeBytes,
    get intervalSeconds() {
      return wish.intervalSeconds();
    },
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
