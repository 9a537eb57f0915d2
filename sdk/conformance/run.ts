/** Every promise of the standard API, tried one after the other against an implementation. */
import { box } from './box.js';
import { errors } from './errors.js';
import type { Place } from './http.js';
import { leases } from './leases.js';
import { lists } from './lists.js';
import { messages } from './messages.js';
import { metering } from './metering.js';
import { Mismatch, NotGranted, NotTried } from './outcome.js';
import { requests } from './requests.js';
import type { Specification } from './specification.js';
import { storage } from './storage.js';
import { tell } from './tell.js';
import { createTrial, type Promised, type Trial } from './trial.js';
import { watch } from './watch.js';

export type Outcome =
  | { outcome: 'passed' }
  | { outcome: 'failed'; expected: string; seen: string }
  | { outcome: 'not granted'; capability: string }
  | { outcome: 'not tried'; why: string };

export type Result = { id: string; says: string } & Outcome;

export const promises: readonly Promised[] = [
  ...box,
  ...errors,
  ...requests,
  ...storage,
  ...lists,
  ...watch,
  ...tell,
  ...leases,
  ...messages,
  ...metering,
];

async function outcomeOf(promised: Promised, trial: Trial): Promise<Outcome> {
  try {
    await promised.keep(trial);
    return { outcome: 'passed' };
  } catch (error) {
    if (error instanceof NotGranted) return { outcome: 'not granted', capability: error.message };
    if (error instanceof NotTried) return { outcome: 'not tried', why: error.message };
    if (error instanceof Mismatch) return { outcome: 'failed', expected: error.expected, seen: error.seen };
    throw error;
  }
}

/** Tells each result as it comes. What was written is deleted in the end, whatever happened. */
export async function tryPromises({
  place,
  specification,
  only = promises,
  told = () => {},
}: {
  place: Place;
  specification: Specification;
  only?: readonly Promised[];
  told?: (result: Result) => void;
}): Promise<Result[]> {
  const trial = createTrial({ place, specification });
  const results: Result[] = [];
  const add = (result: Result): void => {
    results.push(result);
    told(result);
  };
  let left: string[] = [];
  try {
    for (const promised of only) add({ id: promised.id, says: promised.says, ...(await outcomeOf(promised, trial)) });
  } finally {
    left = await trial.cleanUp();
  }
  if (left.length > 0) {
    const says = 'what the trial wrote could be deleted again';
    add({ id: 'storage.cleaned', says, outcome: 'failed', expected: 'nothing left', seen: left.join(', ') });
  }
  return results;
}
