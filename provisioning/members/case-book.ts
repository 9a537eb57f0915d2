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
   * What an entry makes of the case that it names, for its commit; `keep` is for when that is on the disk. Undefined for
   * one that names none. @throws Refusal as `follow` faults
   */
  step(entry: LedgerEntry): { operation: Operation; keep(): void } | undefined;
}

const stepOf = ({ index, at, type, facts: { sha256, reason } }: LedgerEntry): CaseStep => ({
  ...{ entry: index, at, type },
  ...(typeof sha256 === 'string' && { sha256 }),
  ...(typeof reason === 'string' && { reason }),
});

export async function openCaseBook(store: Store): Promise<CaseBook> {
  const cases = new Map<string, CaseRecord>();
  for await (const [id, record] of store.cases.iterator()) cases.set(id, record);
  return {
    all: () => cases.values(),
    find(id) {
      const record = cases.get(id);
      if (!record) throw new Refusal('case-unknown', id);
      return record;
    },
    step(entry) {
      const { case: id } = entry.facts;
      if (id === undefined) return undefined;
      const before = cases.get(String(id));
      const followed = follow(before?.case, entry);
      if (!followed.ok) throw new Refusal(followed.fault, followed.why);
      const value = { case: followed.now, steps: [...(before?.steps ?? []), stepOf(entry)] };
      const key = followed.now.id;
      return {
        operation: { type: 'put', sublevel: store.cases, key, value },
        keep: () => void cases.set(key, value),
      };
    },
  };
}
