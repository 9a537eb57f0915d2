/** Events, wired: what happens in the other rooms that the provider hears of beside the ledger. */

import { version } from '#common/version.js';
import type { Reporting } from '#contract/status.js';
import type { Changes } from './changes/changes.js';
import { openBook } from './events/book.js';
import { createEvents, type Events } from './events/events.js';
import type { Ground } from './ground.js';
import type { Conditions } from './health/conditions.js';
import { bootReason } from './health/probe/inventory.js';
import type { Link } from './link/link.js';
import type { Outbox } from './link/outbox.js';
import { bootId } from './time/boot.js';

/** Some two thousand events: a box has a few a day. */
const budgetBytes = 512 * 1024;
const hour = 3_600_000;
/** A clock that runs slow or fast is put right by less, time and again. */
const leastStepMilliseconds = 60_000;

export interface EventRoom extends Events {
  stop(): Promise<void>;
}

export async function openEvents(
  ground: Ground,
  wish: {
    outbox: Outbox;
    level: () => Reporting;
    territory: () => string | undefined;
    changes: Changes;
    conditions: Conditions;
    link: () => Link;
  },
): Promise<EventRoom> {
  const { host, store, ledger, clock, onRefused } = ground;
  const { outbox, level, territory, changes, conditions } = wish;
  const { epoch, last, cut } = outbox.state();
  const reason = await bootReason(host.kernel, host.list);
  const events = await createEvents({
    book: await openBook({ store, epoch, budgetBytes, clock }),
    ...{ ledger, clock, level, territory, onRefused },
    ticks: host.clock,
    epoch: () => outbox.state().epoch,
    isUsed: last > 0,
    start: { boot: await bootId(host), agent: version, reason, lostSamples: cut },
  });
  const ends: (() => void)[] = [];

  function watchClock(): () => void {
    let before = { at: clock.now(), tick: host.monotonic(), trusted: clock.trusted() };
    return clock.subscribe(() => {
      const now = { at: clock.now(), tick: host.monotonic(), trusted: clock.trusted() };
      const step = now.at - before.at - (now.tick - before.tick);
      const seconds = Math.round(step / 1000);
      if (now.trusted && !before.trusted) void events.record({ type: 'clock-trusted', facts: { forward: seconds } });
      else if (Math.abs(step) >= leastStepMilliseconds)
        void events.record({ type: 'clock-stepped', facts: { seconds } });
      before = now;
    });
  }

  /** For how long the box was on and had no session. */
  function watchLink(): () => void {
    let offlineSince: number | undefined = host.monotonic();
    return wish.link().subscribe((online) => {
      const away = offlineSince === undefined ? 0 : host.monotonic() - offlineSince;
      if (online && away >= hour)
        void events.record({ type: 'network-back', facts: { hours: Math.round(away / hour) } });
      offlineSince = online ? undefined : host.monotonic();
    });
  }

  /** Conditions are reported as they are; what begins and ends while nobody hears it would never be known. */
  function watchConditions(): () => void {
    const nameOf = ({ kind, about = '' }: { kind: string; about?: string | undefined }): string => `${kind} ${about}`;
    const bad = () => conditions.list().filter(({ severity }) => severity === 'trouble');
    let standing = new Set(bad().map(nameOf));
    return conditions.subscribe(({ changed }) => {
      if (!changed) return;
      const now = bad();
      for (const condition of now) {
        const { kind, about, evidence } = condition;
        const isDisk = kind === 'disk-errors';
        if (standing.has(nameOf(condition)) || (!isDisk && wish.link().online())) continue;
        const facts = {
          ...(isDisk ? {} : { kind }),
          ...(about !== undefined && { about }),
          evidence: evidence.slice(0, 200),
        };
        void events.record({ type: isDisk ? 'disk-errors' : 'trouble', about: nameOf(condition), facts });
      }
      standing = new Set(now.map(nameOf));
    });
  }

  const watchChanges = (): (() => void) =>
    changes.on(({ kind, state, endedAt, problem }) => {
      if (kind === 'renew' && state === 'undone' && endedAt !== null && problem)
        void events.record({ type: 'certificate-failed', facts: { code: problem.code } });
    });

  return {
    ...events,
    async start() {
      await events.start();
      ends.push(watchClock(), watchLink(), watchConditions(), watchChanges());
    },
    async stop() {
      for (const end of ends.splice(0)) end();
      await events.stop();
    },
  };
}
