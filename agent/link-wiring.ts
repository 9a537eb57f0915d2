/** The link to the provider, wired: what the box says of itself there, and who hears what comes back. */
import { version } from '#common/version.js';
import type { AgentStatus } from '#contract/agent-status.js';
import { apiVersion } from '#contract/api.js';
import { Refusal } from '#contract/problems.js';
import type { Birth, Reported } from '#contract/status.js';
import { atRestOf } from '#contract/volume.js';
import type { InstalledApps, RunningApp } from './apps-wiring.js';
import type { Changes } from './changes/changes.js';
import { openCommands, type ProviderRoom } from './commands-wiring.js';
import { takeReceipt } from './consent/receipt.js';
import type { MembershipRoom } from './enrolment/membership.js';
import { type EventRoom, openEvents } from './events-wiring.js';
import type { Ground } from './ground.js';
import type { Health } from './health-wiring.js';
import type { LeaseRoom } from './leases/open.js';
import { createLink, type Link } from './link/link.js';
import type { Outbox } from './link/outbox.js';
import type { Messages } from './messages/messages.js';
import type { Updates } from './updates/updates.js';
import type { Volume } from './volume/volume.js';

export interface Uplink {
  readonly link: Link;
  readonly events: EventRoom;
  /** What the provider asks, and what the owner lets it hear. */
  readonly provider: ProviderRoom;
  birth(session: string): Birth;
  /** What was stored before the time was known is put right as soon as it is, and only then sent. Never rejects. */
  putTimesRight(): Promise<void>;
}

export interface UplinkWish {
  outbox: Outbox;
  changes: Changes;
  membership: MembershipRoom;
  health: Health;
  holds: LeaseRoom;
  messages: Messages;
  installed: InstalledApps | undefined;
  running: () => RunningApp[];
  updates: Updates | undefined;
  volume: Volume | undefined;
  status: () => AgentStatus;
  /** Missing: nobody starts the agent again. */
  restart?: (() => void) | undefined;
}

/** The report is one message. */
const mostReportedLeases = 100;

export async function openUplink(ground: Ground, wish: UplinkWish): Promise<Uplink> {
  const { clock, ledger, onRefused } = ground;
  const { outbox, membership, health, holds, messages, installed, running, updates, volume, status, restart } = wish;
  const { probe, sampler } = health;
  let hardware: Birth['hardware'];

  const wholeBirth = (session: string): Birth => {
    const head = ledger.head();
    return {
      kind: 'birth',
      session,
      epoch: outbox.state().epoch,
      lastSequence: outbox.state().last,
      at: clock.now(),
      time: clock.trusted() ? 'authenticated' : 'unknown',
      agent: version,
      api: apiVersion,
      ...(head ? { ledger: head } : {}),
      ...(hardware ? { hardware } : {}),
    };
  };
  const reported = (): Reported => ({
    at: clock.now(),
    agent: version,
    ...(membership.awaitsOwner() ? { owner: false } : { conditions: health.report() }),
    apps: running().map(({ id, state, sandbox, restarts }) => ({ id, state, sandbox, restarts })),
    leases: holds.leases
      .all()
      .slice(0, mostReportedLeases)
      .map(({ app, lease: { hold, reason, until } }) => ({ app, hold, reason, until })),
    ...(updates && { os: updates.reported() }),
  });
  const sampleNow = async (): Promise<void> => {
    if (!membership.awaitsOwner()) await sampler.sampleNow();
  };

  const provider = await openCommands({
    ...ground,
    ...{ membership, outbox, probe, holds, reported, sampleNow, status, restart },
    update: updates?.wanted,
    link: () => link,
    birth: () => wholeBirth('0'.repeat(16)),
    events: () => events,
  });
  const birth = (session: string): Birth => provider.birth(wholeBirth(session));

  async function putTimesRight(): Promise<void> {
    const known = clock.bootTime();
    if (!known) return;
    try {
      await outbox.correct(known);
      link.flush();
    } catch (error) {
      onRefused(new Refusal('internal', 'cannot put the times of the samples right', { cause: error }));
    }
  }

  const events = await openEvents(ground, {
    ...{ outbox, changes: wish.changes, conditions: health.conditions },
    level: () => provider.room.owner.settings().reporting,
    territory: () => membership.view().current.territory?.id,
    link: () => link,
  });
  const link = createLink({
    clock,
    outbox,
    events,
    get batchSeconds() {
      return provider.intervals().batchSeconds;
    },
    async access(fresh) {
      hardware = { ...(await probe.inventory()), ...(volume && { atRest: atRestOf(volume.glance().state) }) };
      void events.sawSystem(hardware.os);
      return membership.access(fresh || !clock.trusted()); // the provider's answer tells the time
    },
    moment: clock.moment,
    async learnTime() {
      if (!clock.trusted()) await membership.access(true).catch(() => {}); // refused or not, it has been told
      await putTimesRight();
    },
    birth,
    reported: () => provider.reported(reported()),
    onBirth: sampleNow,
    commands: provider.room,
    onStanding: (news) => installed?.members.hear(news),
    onLinks: (news) => installed?.links.hear(news),
    apps: messages,
    onReceipt: (receipt) =>
      void takeReceipt({
        receipt,
        ledger,
        roots: async () => (await membership.enrolment()?.trust())?.anchors ?? [],
      }).catch((error: unknown) =>
        onRefused(error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error })),
      ),
    onRefused,
  });
  return { link, events, provider, birth, putTimesRight };
}
