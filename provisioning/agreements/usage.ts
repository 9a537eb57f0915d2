/**
 * Statements of usage, as boxes sign them each month. Each follows the one before it, by number, by month, by the entries
 * that it sums up and by its hash: so none can be sent twice for another, left out, or put back in time.
 */
import { X509Certificate } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { publicJwkOf, unverifiedHeader, verifyJws } from '#common/jws.js';
import { canonicalJson, hashOfText } from '#contract/ledger-chain.js';
import {
  endOfPeriod,
  type MemberStatement,
  type ProviderStatement,
  periodOf,
  type StatementPlace,
  type StatementsTaken,
  type StatementsTold,
  UsageStatement,
  usageStatementType,
} from '#contract/metering.js';
import { parseJson } from '#contract/parse.js';
import { unitsOf } from '#contract/plans.js';
import { Refusal } from '#contract/problems.js';
import type { AgreementRecord, UsageRecord } from '../store/agreements.js';
import type { Store } from '../store/store.js';
import { createTurns } from '../store/turns.js';
import { pageOf, recordsUnder, takeEach } from './pages.js';

export interface UsageRoom {
  /** Each is taken or refused by itself. */
  take(box: string, told: StatementsTold): Promise<StatementsTaken>;
  /** In the order of agreement and number; `after` is the place of the last one that was seen. */
  list(query: { box?: string; member?: string; after?: string; limit: number }): Promise<ProviderStatement[]>;
  ofMember(
    member: string,
    after: string,
    limit: number,
  ): Promise<{ statements: MemberStatement[]; last: string | null }>;
}

/** Boxes' clocks are put right by ours, to within this. */
const slackMilliseconds = 3_600_000;
const placeOfStatement = ({ agreement, number }: Pick<UsageStatement, 'agreement' | 'number'>): string =>
  `${agreement}!${String(number).padStart(10, '0')}`;

const seenByOperator = ({ statement, sha256, receivedAt }: UsageRecord): ProviderStatement => ({
  ...statement,
  ...{ sha256, receivedAt },
});
const seenByMember = ({ statement: { box: _box, ...rest }, sha256 }: UsageRecord): MemberStatement => ({
  ...rest,
  sha256,
});

export function createUsageRoom({
  store,
  clock,
  territory,
}: {
  store: Pick<Store, 'agreements' | 'boxAgreements' | 'usage' | 'memberUsage' | 'usageHeads' | 'boxes' | 'commit'>;
  clock: Clock;
  territory: string;
}): UsageRoom {
  const turns = createTurns();
  const not = (why: string): Refusal => new Refusal('usage-invalid', why);

  /** By the very certificate that the box has now. */
  async function read(box: string, jws: string): Promise<UsageStatement> {
    const x5c = unverifiedHeader(jws, usageStatementType)?.x5c;
    const record = store.boxes.getSync(box);
    const der = Array.isArray(x5c) && typeof x5c[0] === 'string' ? x5c[0] : '';
    const known = [record?.certificate.der, record?.next?.der];
    if (der === '' || !known.includes(der)) throw not('it is not signed by the box that sends it');
    const jwk = await publicJwkOf(new X509Certificate(Buffer.from(der, 'base64')).publicKey);
    const verified = await verifyJws(jws, { type: usageStatementType, keys: [jwk] });
    if (!verified.ok) throw not('its signature is not the box’s');
    const parsed = parseJson(UsageStatement, verified.payload);
    if (!parsed.ok || parsed.value.box !== box) throw not('it is no statement of this box');
    return parsed.value;
  }

  function judge(statement: UsageStatement, { agreement, ended }: AgreementRecord, last: UsageStatement | undefined) {
    const { box, app, member, number, previous, period, from, to, before, sums, at, restarted } = statement;
    if (agreement.box !== box || agreement.app !== app || agreement.member !== member)
      throw not('it is about an agreement of somebody else');
    const now = clock.now();
    if (endOfPeriod(period) > now + slackMilliseconds || at > now + slackMilliseconds)
      throw not(`${period} is not over`);
    if (period < periodOf(agreement.at - slackMilliseconds)) throw not(`${period} is before the agreement`);
    if (ended && period > periodOf(ended.at + slackMilliseconds)) throw not(`${period} is after the agreement`);
    const units = unitsOf(agreement.plan);
    const named = sums.map(({ unit }) => unit);
    if (named.some((unit, index) => !units.includes(unit) || named.indexOf(unit) !== index))
      throw not('it counts what was not agreed to');
    if (number !== (last?.number ?? 0) + 1) throw not(`statement ${(last?.number ?? 0) + 1} is missing`);
    if (previous !== (last ? hashOfText(canonicalJson(last)) : null)) throw not('it does not follow the one before it');
    if (last && period <= last.period) throw not(`${period} is summed up already`);
    if (to < from || (before === null) !== (from === 1)) throw not('its entries hang together with nothing');
    const end = { to: last?.to ?? 0, head: last?.head ?? null };
    const follows = from === end.to + 1 && before === end.head;
    // What a box does not know any more it names, so that its maker and its owner see where it began anew.
    if (restarted && (follows || restarted.to !== end.to || restarted.head !== end.head))
      throw not('it begins anew behind something else');
    if (!restarted && !follows) throw not('its entries do not follow those before them');
  }

  async function lastOf(agreement: string): Promise<UsageRecord | undefined> {
    const head = await store.usageHeads.get(agreement);
    return head === undefined ? undefined : store.usage.get(head);
  }

  /** For the box itself alone: where its chain stands here. */
  async function placeFor(box: string, jws: string): Promise<{ last: StatementPlace | null } | undefined> {
    const statement = await read(box, jws).catch(() => undefined);
    const about = statement && (await store.agreements.get(statement.agreement));
    if (!statement || about?.agreement.box !== box) return undefined;
    const found = await lastOf(statement.agreement);
    if (!found) return { last: null };
    const { number, period, to, head } = found.statement;
    return { last: { number, period, to, head, sha256: found.sha256 } };
  }

  async function takeOne(box: string, jws: string): Promise<void> {
    const statement = await read(box, jws);
    const place = placeOfStatement(statement);
    const sha256 = hashOfText(canonicalJson(statement));
    const there = await store.usage.get(place);
    if (there?.sha256 === sha256 && there.statement.box === box) return; // told again after a lost reply
    if (there) throw new Refusal('usage-other', place);
    const about = await store.agreements.get(statement.agreement);
    if (!about) throw not('its agreement is not stored');
    judge(statement, about, (await lastOf(statement.agreement))?.statement);
    const value: UsageRecord = { statement, jws, sha256, receivedAt: clock.now() };
    const operations: Operation[] = [
      { type: 'put', sublevel: store.usage, key: place, value },
      { type: 'put', sublevel: store.usageHeads, key: statement.agreement, value: place },
      { type: 'put', sublevel: store.memberUsage, key: `${statement.member}!${place}`, value: statement.period },
    ];
    await store.commit(operations);
  }

  const under = (member: string, after: string) =>
    recordsUnder({ index: store.memberUsage, read: (place) => store.usage.get(place) }, member, after);

  async function* ofBox(box: string, after: string): AsyncGenerator<UsageRecord> {
    const [first = ''] = after.split('!');
    for await (const key of store.boxAgreements.keys({ gte: `${box}!${first}`, lt: `${box}"` })) {
      const its = `${key.slice(box.length + 1)}!`;
      yield* store.usage.values({ gt: after > its ? after : its, lt: `${its.slice(0, -1)}"` });
    }
  }

  return {
    take: (box, { statements }) =>
      turns.take(box, () =>
        takeEach(
          statements,
          (jws) => takeOne(box, jws),
          (jws) => placeFor(box, jws),
        ),
      ),
    async list({ box, member, after = '', limit }) {
      const all =
        box !== undefined
          ? ofBox(box, after)
          : member !== undefined
            ? under(member, after)
            : store.usage.values({ gt: after });
      const page = await pageOf(all, limit, ({ statement }) => member === undefined || statement.member === member);
      return page.map(seenByOperator);
    },
    async ofMember(member, after, limit) {
      // A member of another territory may have the same id.
      const found = await pageOf(under(member, after), limit, async ({ statement }) => {
        const about = await store.agreements.get(statement.agreement);
        return about?.agreement.territory === territory;
      });
      const last = found.at(-1);
      return {
        statements: found.map(seenByMember),
        last: last && found.length === limit ? placeOfStatement(last.statement) : null,
      };
    },
  };
}
