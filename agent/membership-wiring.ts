/** Membership, wired: what the configuration, the factory and the directory say of it, and the link that it must prove. */
import type { Birth } from '#contract/status.js';
import type { Changes } from './changes/changes.js';
import { createMembership, type MembershipRoom } from './enrolment/membership.js';
import type { Ground } from './ground.js';
import { openIdentity } from './identity/identity.js';
import type { Link } from './link/link.js';
import type { Outbox } from './link/outbox.js';
import { openSession } from './link/session.js';
import type { Origin } from './origin-wiring.js';

export async function openMembership(
  { config, host: { files }, clock, ledger, log, signal, onRefused }: Ground,
  {
    origin: { factory, directory, voucher, spendVoucher },
    outbox,
    changes,
    link,
    birth,
  }: {
    origin: Origin;
    outbox: Outbox;
    changes: () => Changes;
    link: () => Link;
    /** As the session of that id tells it. */
    birth: (session: string) => Birth;
  },
): Promise<MembershipRoom> {
  const { dataDir, territory, claimCodeFile } = config;
  return createMembership({
    ...{ dataDir, files, clock, signal, ledger, changes, outbox, onRefused },
    preset: territory && { ...territory, claimCodeFile },
    boot: factory.boot(),
    directory: {
      find: (id) => directory?.find(id),
      signedAt: () => directory?.current()?.directory.issuedAt ?? 0,
    },
    factory: { idevid: factory.idevid, voucher, spendVoucher },
    openIdentity: (place) => openIdentity({ directory: place, files }),
    link: { hold: () => link().hold(), resume: () => link().resume() },
    async proveLink({ profile, credentials, epoch }) {
      const session = await openSession({
        profile,
        credentials,
        keepaliveSeconds: 60,
        at: clock.moment(),
        birth: (id) => ({ ...birth(id), epoch, lastSequence: 0 }),
        onAck: () => {},
        signal,
      });
      await session.end();
    },
    onRenewed: ({ box, leaf }) => log.info({ box, notAfter: leaf.validTo }, 'certificate renewed'),
  });
}
