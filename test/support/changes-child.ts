/**
 * A change that is cut with SIGKILL: `node changes-child.js FOLDER done|refused CUT`. Each commit of its journal and each
 * effect is an event, counted from 1; the CUT-th does not happen any more. Prints the number of events when it ends.
 */
import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { createCommits } from '#common/commits.js';
import { openDatabase } from '#common/database.js';
import { Refusal } from '#contract/problems.js';
import { createChanges } from '../../agent/changes/changes.js';
import type { StepKind } from '../../agent/changes/run.js';

/** Steps that note in a file what they do; with `refused` the last one is refused for good. */
export function noting(folder: string, ending: string, event: () => void): Record<string, StepKind> {
  const step = (name: string): StepKind => ({
    async do({ data }) {
      event();
      appendFileSync(path.join(folder, 'effects'), `do ${name}\n`);
      data[name] = true;
      if (name === 'three' && ending === 'refused') throw new Refusal('claim-used');
    },
    async undo({ data }) {
      event();
      appendFileSync(path.join(folder, 'effects'), `undo ${name}\n`);
      data[`un-${name}`] = true;
    },
    isFinal: () => true,
  });
  return { one: step('one'), two: step('two'), three: step('three') };
}

export async function openChanges(folder: string, ending: string, event: () => void = () => {}) {
  const db = await openDatabase(path.join(folder, 'store'), 1);
  const { commit } = createCommits(db);
  const changes = createChanges({
    store: {
      db,
      commit(operations) {
        event();
        return commit(operations);
      },
    },
    clock: systemClock,
    kinds: noting(folder, ending, event),
    onRefused() {},
  });
  return { changes, db };
}

if (process.argv[1]?.endsWith('changes-child.js')) {
  const [folder = '', ending = 'done', cut = '0'] = process.argv.slice(2);
  let count = 0;
  const { changes } = await openChanges(folder, ending, () => {
    count += 1;
    if (count === Number(cut)) process.kill(process.pid, 'SIGKILL');
  });
  await changes.start();
  const steps = ['one', 'two', 'three'].map((kind) => ({ kind }));
  await changes.ended(await changes.begin({ kind: 'trial', steps }));
  process.stdout.write(String(count));
  process.exit(0);
}
