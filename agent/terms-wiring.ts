/** Agreements and what is counted under them, wired: what the owner signs about an app, and where it is told. */
import type { AppsDesk } from './apps/desk.js';
import type { MembershipRoom } from './enrolment/membership.js';
import type { Ground } from './ground.js';
import { createAboutKey } from './identity/attest.js';
import { createTellUsage } from './metering/client.js';
import { createMetering, type Metering } from './metering/metering.js';
import { createTell } from './terms/client.js';
import { createTerms, type TermsRoom } from './terms/terms.js';

type Access = Parameters<typeof createTell>[0]['access'];

export async function openTerms(
  { store, ledger, clock, signal, onRefused }: Ground,
  {
    membership,
    ...wish
  }: {
    desk: AppsDesk;
    membership: MembershipRoom;
    own: () => { box: string; territory: string } | undefined;
    access: Access;
  },
): Promise<{ terms: TermsRoom; metering: Metering }> {
  const about = { access: wish.access, moment: clock.moment, signal };
  const parts = { store, ledger, clock, onRefused, isTimeKnown: clock.trusted, onTime: clock.subscribe };
  const terms = await createTerms({ ...parts, desk: wish.desk, own: wish.own, tell: createTell(about) });
  const aboutKey = createAboutKey();
  const metering = await createMetering({
    ...parts,
    under: terms.under,
    isTold: terms.isTold,
    box: () => wish.own()?.box,
    async signing() {
      const now = membership.enrolment()?.current();
      return now && { box: now.box, key: now.key, ...(await aboutKey(now)) };
    },
    tell: createTellUsage(about),
  });
  terms.onChange(metering.wake); // what waits for its agreement to be told
  return { terms, metering };
}
