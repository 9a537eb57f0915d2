/** Months, wired: what the box agreed to and counted, and where it asks what its provider made of it. */
import { createAskAccounts } from './accounts/client.js';
import { createMonths, type MonthsRoom } from './accounts/months.js';
import type { Ground } from './ground.js';
import type { Metering } from './metering/metering.js';
import type { TermsRoom } from './terms/terms.js';

export function openMonths(
  { store, ledger, clock, signal, onRefused }: Ground,
  {
    terms,
    metering,
    own,
    access,
  }: {
    terms: TermsRoom;
    metering: Metering;
    own: () => { box: string; territory: string } | undefined;
    access: Parameters<typeof createAskAccounts>[0]['access'];
  },
): Promise<MonthsRoom> {
  return createMonths({
    ...{ store, ledger, clock, onRefused, own, isTimeKnown: clock.trusted, onTime: clock.subscribe },
    held: terms.held,
    counted: metering.months,
    ask: createAskAccounts({ access, moment: clock.moment, signal }),
  });
}
