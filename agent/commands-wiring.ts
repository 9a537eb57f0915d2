/** What the provider asks of the box, wired: whose keys count, what each command does, and how much is reported at all. */
import { randomBytes } from 'node:crypto';
import type { AgentStatus } from '#contract/agent-status.js';
import type { Sample } from '#contract/health.js';
import { Refusal } from '#contract/problems.js';
import type { Birth, Reported } from '#contract/status.js';
import { type CommandRoom, createCommands } from './commands/commands.js';
import { createUpload, machineFacts } from './commands/diagnostics.js';
import { birthAs, reportedAs } from './commands/reporting.js';
import type { Config } from './config.js';
import type { Ledger } from './consent/ledger.js';
import type { MembershipRoom } from './enrolment/membership.js';
import type { EventRoom } from './events-wiring.js';
import type { Probe, Values } from './health/probe.js';
import type { Host } from './host/host.js';
import type { LeaseRoom } from './leases/open.js';
import type { Link } from './link/link.js';
import type { Outbox } from './link/outbox.js';
import type { ProviderFeature } from './owner/features.js';
import type { Store } from './store/store.js';
import { bootId } from './time/boot.js';
import type { Stamp, TrustedTime } from './time/trusted-time.js';

export interface ProviderRoom {
  room: CommandRoom;
  /** What goes out, as the owner lets it. */
  birth(whole: Birth): Birth;
  reported(whole: Reported): Reported;
  /** Kept for the provider, or only looked at here. */
  keep(sample: Stamp & { values: Values }): Promise<Sample>;
  intervals(): { sampleSeconds: number; batchSeconds: number };
  owner: ProviderFeature;
}

export async function openCommands(wish: {
  config: Config;
  host: Host;
  store: Store;
  ledger: Ledger;
  clock: TrustedTime;
  membership: MembershipRoom;
  outbox: Outbox;
  probe: Probe;
  holds: LeaseRoom;
  link: () => Link;
  /** As they are said to whoever may hear all. */
  birth: () => Birth;
  reported: () => Reported;
  sampleNow: () => Promise<void>;
  events: () => Pick<EventRoom, 'reporting' | 'newest'>;
  /** Missing: there is no second system. */
  update?: ((version: string) => Promise<void>) | undefined;
  status: () => AgentStatus;
  /** Missing: nobody starts the agent again. */
  restart?: (() => void) | undefined;
  onRefused: (refusal: Refusal) => void;
}): Promise<ProviderRoom> {
  const { config, host, clock, membership, outbox, holds, link, restart } = wish;
  const start = randomBytes(8).toString('hex');
  const boot = await bootId(host);
  const enrolment = () => membership.enrolment();

  async function access() {
    const est = membership.origin();
    const now = enrolment();
    const identity = now?.current();
    if (!est || !now || !identity) throw new Refusal('not-a-member');
    return { est, trust: await now.trust(), identity };
  }

  const room = await createCommands({
    store: wish.store,
    ledger: wish.ledger,
    clock,
    monotonic: host.monotonic,
    standing() {
      const profile = enrolment()?.lastProfile();
      if (!profile) return undefined;
      return { box: profile.box, territory: profile.territory.id, keys: profile.commandKeys ?? [] };
    },
    relearn: () =>
      membership.access(true).then(
        () => {},
        () => {}, // what is known of the keys goes on counting
      ),
    effects: {
      async refresh() {
        await link()
          .tellAgain()
          .catch(() => {}); // the next session begins with both
        await wish.sampleNow();
        link().flush();
      },
      rotateKey: membership.renewNow,
      collect: async () => ({
        format: 'webizen-diagnostics-1',
        at: clock.now(),
        status: wish.status(),
        reported: wish.reported(),
        machine: await machineFacts(host.kernel),
        process: { ...process.memoryUsage(), uptimeSeconds: Math.round(process.uptime()), node: process.version },
      }),
      upload: createUpload({ access, moment: clock.moment }),
      async restartAgent() {
        if (!restart) throw new Refusal('command-unsupported', 'nobody would start the agent again');
        restart();
      },
      async reboot() {
        if (!config.mayReboot) throw new Refusal('host-cannot-reboot', 'mayReboot is not set');
        await host.reboot();
      },
      ...(wish.update && { update: wish.update }),
    },
    holds: { ask: holds.reboot.ask, end: holds.reboot.end, onChange: holds.leases.onChange },
    here: () => ({ start, boot, serial: enrolment()?.current()?.leaf.serialNumber ?? '' }),
    sample: wish.probe.sample,
    epoch: () => outbox.state().epoch,
    async onReporting(level) {
      if (level === 'minimum') {
        // What waits was taken for the provider, and is not for it any more: it hears that these are lost.
        await outbox.commit();
        const { acknowledged, last } = outbox.state();
        await outbox.deadLetter([acknowledged + 1, last], 'reporting-minimum');
        link().flush();
      }
      void wish.events().reporting();
      link().report();
    },
    onRefused: wish.onRefused,
  });
  const level = () => room.owner.settings().reporting;
  const { allow, decline, rule, report, onChange } = room.owner;

  const intervals = () =>
    room.intervals() ?? { sampleSeconds: config.health.intervalSeconds, batchSeconds: config.health.batchSeconds };
  let newest: Sample | null = null;

  function reported(whole: Reported): Reported {
    const told = room.intervals();
    return reportedAs(level(), { ...whole, ...(told && { intervals: told }) });
  }

  return {
    room,
    birth: (whole) => birthAs(level(), whole),
    reported,
    async keep(sample) {
      // It has the number that it would have: the owner looks at it, and nobody else does.
      if (level() === 'minimum') return { at: sample.at, values: sample.values, seq: outbox.state().last + 1 };
      newest = await outbox.add(sample);
      return newest;
    },
    intervals,
    owner: {
      ...{ allow, decline, rule, report, onChange },
      waiting: () => room.owner.asked().filter(({ waits }) => waits !== null).length,
      view: async () => ({
        ...room.owner.settings(),
        birth: birthAs(level(), wish.birth()),
        reported: reported(wish.reported()),
        sample: level() === 'minimum' ? null : newest,
        events: await wish.events().newest(),
        intervals: { ...intervals(), byProvider: room.intervals() !== undefined },
        asked: room.owner.asked(),
        liveUntil: room.owner.liveUntil(),
      }),
    },
  };
}
