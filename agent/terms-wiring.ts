/** Agreements, wired: what the owner signs about an app, and where it is told. */

import type { AppsDesk } from './apps/desk.js';
import type { Ground } from './ground.js';
import { createTell } from './terms/client.js';
import { createTerms, type TermsRoom } from './terms/terms.js';

type Access = Parameters<typeof createTell>[0]['access'];

export function openTerms(
  { store, ledger, clock, signal, onRefused }: Ground,
  wish: { desk: AppsDesk; own: () => { box: string; territory: string } | undefined; access: Access },
): Promise<TermsRoom> {
  return createTerms({
    ...{ store, ledger, clock, onRefused },
    ...{ desk: wish.desk, own: wish.own },
    isTimeKnown: clock.trusted,
    onTime: clock.subscribe,
    tell: createTell({ access: wish.access, moment: clock.moment, signal }),
  });
}
