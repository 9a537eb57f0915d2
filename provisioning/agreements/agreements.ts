/**
 * Agreements of owners with makers, as their boxes tell them. A box is answered that one is stored when it is on the disk.
 * What is stored stays as it was signed: it is followed by when it began and how it ended, each told once.
 */
import { hashOfJws } from '#common/agreements.js';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type {
  Agreement,
  AgreementsTaken,
  AgreementsTold,
  MemberAgreement,
  ProviderAgreement,
  ToldAgreement,
} from '#contract/agreements.js';
import { Refusal } from '#contract/problems.js';
import type { AgreementRecord } from '../store/agreements.js';
import type { Store } from '../store/store.js';
import { createTurns } from '../store/turns.js';
import { judgeAgreement, type Published } from './judge.js';
import { pageOf, recordsUnder, takeEach } from './pages.js';

export interface AgreementQuery {
  box?: string | undefined;
  member?: string | undefined;
  /** The id of the last one that was seen. */
  after?: string | undefined;
  limit: number;
}

export interface Agreements {
  /** Each is taken or refused by itself. */
  take(box: string, told: AgreementsTold): Promise<AgreementsTaken>;
  /** In the order of their ids. */
  list(query: AgreementQuery): Promise<ProviderAgreement[]>;
  ofMember(member: string, after: string, limit: number): Promise<MemberAgreement[]>;
}

/** Of one box, over its life: an owner changes their mind less often than this. */
const mostOfBox = 2000;

export const seenByMember = ({ agreement, sha256, since, ended }: AgreementRecord): MemberAgreement => {
  const { box: _box, ...agreed } = agreement;
  return { ...agreed, sha256, since, ended: ended && { at: ended.at, why: ended.why } };
};

const seenByOperator = (record: AgreementRecord): ProviderAgreement => ({
  ...seenByMember(record),
  box: record.agreement.box,
  receivedAt: record.receivedAt,
});

export function createAgreements(parts: {
  store: Pick<Store, 'agreements' | 'boxAgreements' | 'memberAgreements' | 'boxes' | 'commit'>;
  clock: Clock;
  territory: string;
  published(release: string): Published | undefined;
}): Agreements {
  const { store, clock, territory, published } = parts;
  const turns = createTurns();

  async function countOf(box: string): Promise<number> {
    let count = 0;
    for await (const _key of store.boxAgreements.keys({ gte: `${box}!`, lt: `${box}"`, limit: mostOfBox })) count += 1;
    return count;
  }

  async function takeOne(box: string, told: ToldAgreement): Promise<void> {
    const enrolledAt = store.boxes.getSync(box)?.enrolledAt ?? 0;
    const now = clock.now();
    const agreement = await judgeAgreement(told, { box, territory, now, enrolledAt, published });
    const { id, member } = agreement;
    const sha256 = hashOfJws(told.agreement);
    const before = await store.agreements.get(id);
    if (before && before.sha256 !== sha256) throw new Refusal('agreement-other', id);
    if (!before && (await countOf(box)) >= mostOfBox) throw new Refusal('agreements-full', box);
    const record: AgreementRecord = {
      ...{ agreement, jws: told.agreement, sha256, receivedAt: before?.receivedAt ?? now },
      // Said once, and never otherwise.
      since: before?.since ?? told.since,
      ended: before?.ended ?? told.ended,
    };
    const operations: Operation[] = [{ type: 'put', sublevel: store.agreements, key: id, value: record }];
    if (!before)
      operations.push(
        ...(await replacedBy(agreement)),
        { type: 'put', sublevel: store.boxAgreements, key: `${box}!${id}`, value: now },
        { type: 'put', sublevel: store.memberAgreements, key: `${member}!${id}`, value: now },
      );
    await store.commit(operations);
  }

  /**
   * A box holds one agreement about an app, and tells how the one before it ended first. One that stands here all the same
   * was forgotten there, as by a disk that came back older: it must not be charged beside the other for ever.
   */
  async function replacedBy({ id, box, app, at }: Agreement): Promise<Operation[]> {
    const operations: Operation[] = [];
    for await (const record of recordsUnder(
      { index: store.boxAgreements, read: (key) => store.agreements.get(key) },
      box,
      '',
    )) {
      const { agreement, ended } = record;
      if (ended || agreement.app !== app || agreement.id === id || agreement.at > at) continue;
      const value: AgreementRecord = { ...record, ended: { at, why: 'replaced', end: null } };
      operations.push({ type: 'put', sublevel: store.agreements, key: agreement.id, value });
    }
    return operations;
  }

  const under = (index: Store['boxAgreements'], owner: string, after: string) =>
    recordsUnder({ index, read: (id) => store.agreements.get(id) }, owner, after);

  return {
    take: (box, { agreements }) => turns.take(box, () => takeEach(agreements, (told) => takeOne(box, told))),
    async list({ box, member, after = '', limit }) {
      const all =
        box !== undefined
          ? under(store.boxAgreements, box, after)
          : member !== undefined
            ? under(store.memberAgreements, member, after)
            : store.agreements.values({ gt: after });
      const page = await pageOf(all, limit, ({ agreement }) => member === undefined || agreement.member === member);
      return page.map(seenByOperator);
    },
    async ofMember(member, after, limit) {
      const all = under(store.memberAgreements, member, after);
      return (await pageOf(all, limit, ({ agreement }) => agreement.territory === territory)).map(seenByMember);
    },
  };
}
