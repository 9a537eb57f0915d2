/**
 * A month's end: so many boxes, each with an agreement by the month and by use and a statement of usage, rated and closed.
 * Beside it the same store read and written without rating: each agreement and statement read, and an account of the same
 * length and what was booked written in the same batches, synced. Boxes a second; the memory that it held at most is said.
 */
import type { Operation } from '#common/commits.js';
import type { OwnerAccount } from '#contract/accounts.js';
import { boxesBehind } from '../../provisioning/accounts/owners.js';
import { agreementId, boxOf, openAccountsDesk, type Told } from '../support/accounts-desk.js';
import { type Conditions, type Figure, figure } from './compare.js';
import type { Workshop } from './workshop.js';

const together = 100;

export async function rating(workshop: Workshop, { short, say }: Conditions): Promise<Figure[]> {
  const count = short ? 2000 : 100_000;
  const desk = await openAccountsDesk(await workshop.folder(), Date.UTC(2026, 11, 2));
  const { store, accounts } = desk;
  try {
    const since = Date.UTC(2026, 10, 3);
    for (let first = 1; first <= count; first += 1000) {
      const told = Array.from({ length: Math.min(1000, count - first + 1) }, (_, n): Told => {
        const number = first + n;
        return {
          ...{ number, box: boxOf(number), member: `member-${number % 50}`, since },
          prices: [
            { amount: '2.99', currency: 'EUR', per: 'month' },
            { amount: '0.015', currency: 'EUR', per: 'unit', unit: 'page' },
          ],
        };
      });
      await desk.tell(...told);
      const used = { statement: 1, period: '2026-11' };
      await desk.use(
        ...told.map(({ number, box }) => ({ ...used, number, box, quantities: { page: `${number}.25` } })),
      );
    }
    await accounts.setSchedule({ from: '2026-11', share: '15', alliance: '1', discounts: [] });

    const memory = { before: process.memoryUsage().rss, most: 0 };
    const watch = setInterval(() => {
      memory.most = Math.max(memory.most, process.memoryUsage().rss);
    }, 50);
    let began = performance.now();
    const { totals } = await accounts.close('2026-11');
    const closing = performance.now() - began;
    clearInterval(watch);
    began = performance.now();
    const { altered } = await accounts.verify();
    if (altered !== null) throw new Error(`${altered} is not as it was closed`);
    const verifying = performance.now() - began;

    began = performance.now();
    let ids: string[] = [];
    const model = (await accounts.owners('2026-11', { limit: 1 }))[0]!;
    const copy = async (): Promise<void> => {
      const records = await store.agreements.getMany(ids);
      const statements = await store.usage.getMany(ids.map((id) => `${id}!0000000001`));
      const operations = records.flatMap((record, at): Operation[] => {
        const box = record?.agreement.box ?? '';
        const value: OwnerAccount = { ...model, box };
        const booked = { '2026-11 month': '280', '2026-11 unit page': String(statements[at]?.statement.number) };
        return [
          { type: 'put', sublevel: store.ownerAccounts, key: `2000-01!${box}`, value },
          { type: 'put', sublevel: store.bookedCharges, key: `copy-${ids[at]}`, value: booked },
        ];
      });
      await store.commit(operations);
      ids = [];
    };
    for await (const one of boxesBehind(store, '')) {
      ids.push(...one.ids);
      if (ids.length >= together) await copy();
    }
    await copy();
    const copying = performance.now() - began;
    if (!(await store.bookedCharges.get(`copy-${agreementId(count)}`))) throw new Error('not all of it was copied');

    const mebi = 1024 ** 2;
    const [total] = totals;
    say(
      `rating: ${count} boxes come to ${total?.owners} ${total?.currency}, closed in ${(closing / 1000).toFixed(1)} s, verified in ${(verifying / 1000).toFixed(1)} s; resident ${Math.round(memory.before / mebi)} MiB before, ${Math.round(memory.most / mebi)} at most`,
    );
    const rate = (milliseconds: number): number => (count * 1000) / milliseconds;
    return [figure('rating.close', 'boxes/s', { value: rate(closing), reference: rate(copying) })];
  } finally {
    await store.close();
  }
}
