/** The cases as the register's entries made them: each step is kept in the commit of the entry that it is. */
import type { Operation } from '#common/commits.js';
import { follow } from '#common/members/case.js';
import type { CaseStep } from '#contract/cases.js';
import type { LedgerEntry } from '#contract/ledger.js';
import { Refusal } from '#contract/problems.js';
import type { CaseRecord } from '../store/members.js';
import type { Store } from '../store/store.js';

export interface CaseBook {
  all(): Iterable<CaseRecord>;
  /** @throws Refusal `case-unknown` */
  find(id: string): CaseRecord;
  /**
   * What an entry makes of the case that it names, for its commit. Undefined for one that names none. @throws Refusal as `follow` faults
   */
  step(entry: LedgerEntry): Kept | undefined;
  /** That the member has read the notice: undefined where there is none, or that is known. @throws Refusal `case-unknown` */
  read(id: string, at: number): Kept | undefined;
}

export interface Kept {
  operation: Operation;
  /** It is on the disk. */
  keep(): void;
}

const stepOf = ({ index, at, type, facts: { sha256, reason } }: LedgerEntry): CaseStep => ({
  ...{ entry: index, at, type },
  ...(typeof sha256 === 'string' && { sha256 }),
  ...(typeof reason === 'string' && { reason }),
});

export async function openCaseBook(store: Store): Promise<CaseBook> {
  const cases = new Map<string, CaseRecord>();
  for await (const [id, record] of store.cases.iterator()) cases.set(id, record);
  const kept = (value: CaseRecord): Kept => ({
    operation: { type: 'put', sublevel: store.cases, key: value.case.id, value },
    keep: () => void cases.set(value.case.id, value),
  });
  function find(id: string): CaseRecord {
    const record = cases.get(id);
    if (!record) throw new Refusal('case-unknown', id);
    return record;
  }
  return {
    all: () => cases.values(),
    find,
    step(entry) {
      const { case: id } = entry.facts;
      if (id === undefined) return undefined;
      const before = cases.get(String(id));
      const followed = follow(before?.case, entry);
      if (!followed.ok) throw new Refusal(followed.fault, followed.why);
      return kept({ ...before, case: followed.now, steps: [...(before?.steps ?? []), stepOf(entry)] });
    },
    read(id, at) {
      const record = find(id);
      const isNew = record.readAt === undefined && record.case.answerBy !== undefined;
      return isNew ? kept({ ...record, readAt: at }) : undefined;
    },
  };
}
