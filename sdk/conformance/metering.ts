/**
 * What is counted under the owner's agreement. The owner pays for what is counted, so nothing new is counted here: what was
 * counted is sent again, and what is sent anew is what no agreement allows.
 */
import { chainFault, periodOf, UsageEntries, UsageEntry, UsageView } from '#contract/metering.js';
import { check, describeFaults } from '#contract/parse.js';
import type { Answer, Sent } from './http.js';
import { holds, Mismatch, NotTried, same } from './outcome.js';
import { jsonOf, problemOf } from './specification.js';
import { json, type Promised, type Trial } from './trial.js';

const path = '/v1/metering';
const perPage = 100;
/** More than that is not read. */
const mostRead = 10_000;
const aKey = 'webizen-conformance';

function keyed(body: unknown, key = aKey): Sent {
  const sent = json(body);
  return { ...sent, headers: { ...sent.headers, 'idempotency-key': key } };
}

/** @throws NotTried where nothing is counted, which is no fault */
async function viewOf(trial: Trial): Promise<UsageView> {
  const answer = await trial.ask('getUsage');
  const code = answer.status >= 400 ? problemOf(trial.specification, answer) : undefined;
  if (code === 'unavailable' || code === 'metering-not-agreed') throw new NotTried(`refused as ${code}`);
  const read = check(UsageView, jsonOf(answer));
  if (!read.ok) throw new Mismatch('what the month has come to', describeFaults(read.faults));
  return read.value;
}

async function pageOf(trial: Trial, after: number, limit: number): Promise<UsageEntry[]> {
  const answer = await trial.answered(200, 'listUsage', `${path}/entries?after=${after}&limit=${limit}`);
  const read = check(UsageEntries, jsonOf(answer));
  if (!read.ok) throw new Mismatch('entries', describeFaults(read.faults));
  return read.value.entries;
}

/** @throws NotTried where there are none, or too many */
async function entriesOf(trial: Trial): Promise<UsageEntry[]> {
  const all: UsageEntry[] = [];
  for (;;) {
    const page = await pageOf(trial, all.at(-1)?.entry ?? 0, perPage);
    holds(page.length <= perPage, `${perPage} entries at most`, page.length);
    all.push(...page);
    if (page.length < perPage) break;
    if (all.length > mostRead) throw new NotTried(`more than ${mostRead} entries`);
  }
  if (all.length === 0) throw new NotTried('nothing was counted yet');
  return all;
}

function entryIn(answer: Answer): UsageEntry {
  const read = check(UsageEntry, jsonOf(answer));
  if (!read.ok) throw new Mismatch('an entry', describeFaults(read.faults));
  return read.value;
}

/** Of a decimal with six digits behind the point at most. */
function millionths(text: string): bigint {
  const [whole = '0', rest = ''] = text.split('.');
  return BigInt(`${whole}${rest.padEnd(6, '0')}`);
}

export const metering: Promised[] = [
  {
    id: 'metering.entries',
    says: 'what was counted is listed in its order, each entry following the one before it, page by page',
    async keep(trial) {
      const { agreement } = await viewOf(trial);
      const all = await entriesOf(trial);
      const [first] = all;
      same('what is wrong with the chain', chainFault(all, first?.previous ?? null) ?? 'nothing', 'nothing');
      same('agreements', [...new Set(all.map((one) => one.agreement))], [agreement]);
      same('the first page of one', await pageOf(trial, (first?.entry ?? 1) - 1, 1), [first]);
      for (const query of ['limit=0', 'limit=1001', 'after=-1', 'more=1'])
        await trial.refused('body-invalid', 'listUsage', `${path}/entries?${query}`);
    },
  },
  {
    id: 'metering.sums',
    says: 'the sums of the month are those of its entries, exactly, in the units of the plan',
    async keep(trial) {
      const before = await viewOf(trial);
      const all = (await entriesOf(trial)).filter(({ at }) => periodOf(at) === before.period);
      const { sums, units, entries } = await viewOf(trial);
      if (entries !== before.entries) throw new NotTried('the app counts meanwhile');
      same('number of entries', entries, all.length);
      for (const { unit, quantity, trial: free } of sums) {
        holds(units.includes(unit), `a unit of ${units}`, unit);
        const its = all.filter((one) => one.unit === unit);
        const sum = (isFree: boolean) =>
          its.reduce((so, one) => so + (one.trial === isFree ? millionths(one.quantity) : 0n), 0n);
        same(`millionths of ${unit}`, `${millionths(quantity)}`, `${sum(false)}`);
        same(`millionths of ${unit} that cost nothing`, `${millionths(free)}`, `${sum(true)}`);
      }
    },
  },
  {
    id: 'metering.once',
    says: 'what is sent again under its Idempotency-Key is the same entry and counts nothing, and another thing is refused',
    async keep(trial) {
      const before = await viewOf(trial);
      const last = (await entriesOf(trial)).at(-1);
      if (!last) return;
      const { unit, quantity, key } = last;
      const again = await trial.answered(200, 'postUsage', path, keyed({ unit, quantity }, key));
      same('entry', entryIn(again), last);
      const other = { unit, quantity: quantity === '1' ? '2' : '1' };
      await trial.refused('idempotency-key-reused', 'postUsage', path, keyed(other, key));
      const after = await viewOf(trial);
      if (after.period === before.period) same('entries afterwards', after.entries, before.entries);
    },
  },
  {
    id: 'metering.agreed',
    says: 'what is no unit of the plan is refused as metering-unit, and nothing of a unit as metering-quantity',
    async keep(trial) {
      const { units } = await viewOf(trial);
      const [unit = ''] = units;
      const none = Array.from({ length: units.length + 1 }, (_, at) => `none-${at}`).find(
        (one) => !units.includes(one),
      );
      await trial.refused('metering-unit', 'postUsage', path, keyed({ unit: none, quantity: '1' }));
      for (const quantity of ['0', '0.000000'])
        await trial.refused('metering-quantity', 'postUsage', path, keyed({ unit, quantity }));
    },
  },
  {
    id: 'metering.refusals',
    says: 'what is counted without a key is refused, and so is a number, a sign, an exponent or a time of its own',
    async keep(trial) {
      const page = { unit: 'page', quantity: '1' };
      for (const wrong of [
        { quantity: 1 },
        { quantity: '-1' },
        { quantity: '1e9' },
        { quantity: '1,5' },
        { unit: 'Page' },
        { at: 1 },
      ])
        await trial.refused('body-invalid', 'postUsage', path, keyed({ ...page, ...wrong }));
      const answer = await trial.ask('postUsage', path, json(page));
      const code = problemOf(trial.specification, answer);
      if (code === 'unavailable') throw new NotTried('refused as unavailable');
      same('code', code, 'metering-key-missing');
      await trial.refused('idempotency-key-invalid', 'postUsage', path, keyed(page, 'a b'));
    },
  },
];
