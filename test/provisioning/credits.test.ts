/** What is given back: at most what was due, once, and by everybody who had a part of it. */
import fc from 'fast-check';
import t from 'tap';
import type { ProblemCode } from '#contract/problems.js';
import { agreementId, boxOf, openAccountsDesk } from '../support/accounts-desk.js';
import { agrees, at, begin, bookedBy, live, per, splitBy, worldArb } from '../support/accounts-world.js';
import { ownFolder } from '../support/folder.js';

const refuses = (code: ProblemCode) => ({ name: 'Refusal', code });

t.test('what is given back is given back by everybody, and nobody gets more back than was due', async (t) => {
  let given = 0;
  await fc.assert(
    fc.asyncProperty(worldArb, async (world) => {
      const desk = await openAccountsDesk(await ownFolder(t), begin);
      try {
        await live(desk, world, (heard) => heard, true);
        await agrees(t, desk);
        given += (await desk.accounts.months()).length;
        for (const sum of Object.values(await bookedBy(desk))) if (sum < 0n) t.fail('more was given back than was due');
        for (const [name, sum] of Object.entries(await splitBy(desk))) if (sum.startsWith('-')) t.fail(name);
      } finally {
        await desk.store.close();
      }
    }),
    { numRuns: 10 },
  );
  t.ok(given > 0);
});

t.test('a credit is of a closed month, of what is due for it, and stands in the next month', async (t) => {
  const desk = await openAccountsDesk(await ownFolder(t), at('2026-12-15T00:00'));
  t.teardown(() => desk.store.close());
  const { accounts } = desk;
  const told = (number: number, since: string) => ({
    ...{ number, box: boxOf(number), prices: [per('3.00', 'month')], since: at(since) },
  });
  await desk.tell(told(1, '2026-09-01T00:00'), told(2, '2026-11-01T00:00'));
  await accounts.close('2026-10');
  await accounts.setSchedule({ from: '2026-11', share: '60', alliance: '40', discounts: [] });
  const credit = { agreement: agreementId(1), period: '2026-10', amount: '2.50', reason: 'it stood still for days' };
  await t.rejects(accounts.credit({ ...credit, amount: '3.01' }), refuses('credit-too-large'));
  await t.rejects(accounts.credit({ ...credit, period: '2026-11' }), refuses('credit-too-large'), 'is not closed');
  await t.rejects(accounts.credit({ ...credit, amount: '0.001' }), refuses('credit-too-large'));
  await t.rejects(accounts.credit({ ...credit, agreement: agreementId(9) }), refuses('agreement-unknown'));
  const made = await accounts.credit(credit);
  await t.rejects(accounts.credit({ ...credit, amount: '0.51' }), refuses('credit-too-large'), 'not twice');
  await accounts.close('2026-11');
  t.match(await accounts.owner('2026-11', boxOf(1)), {
    entries: [
      { kind: 'charge', amount: '3.00', period: '2026-11' },
      { kind: 'credit', amount: '-2.50', period: '2026-10', credit: made.id, reason: credit.reason },
    ],
    sums: [{ currency: 'EUR', amount: '0.50' }],
  });
  t.match(await accounts.members('2026-11', { limit: 10 }), [
    {
      member: 'acme',
      lines: [
        { period: '2026-10', gross: '-2.50', share: '0.00', income: '-2.50', by: { share: '0' } },
        { period: '2026-11', gross: '6.00', share: '3.60', alliance: '2.40', income: '0.00', by: { share: '60' } },
      ],
    },
  ]);
  await agrees(t, desk);
});
