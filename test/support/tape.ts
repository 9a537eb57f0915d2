/** Runs a suite that was written for tape, one test after the other: its hundreds of tests are one assertion each here. */
import { isDeepStrictEqual } from 'node:util';
import type { Test } from 'tap';

type Work = (t: TapeTest) => unknown;

interface TapeTest {
  plan(count: number): void;
  end(): void;
  ok(value: unknown, text?: string): void;
  pass(text?: string): void;
  fail(text?: string): void;
  is(found: unknown, wanted: unknown, text?: string): void;
  isNot(found: unknown, wanted: unknown, text?: string): void;
  same(found: unknown, wanted: unknown, text?: string): void;
  throws(work: () => void, isIt?: (error: unknown) => boolean): void;
  doesNotThrow(work: () => void, text?: string): void;
  test: Tape;
}

export interface Tape {
  (name: string, work: Work): unknown;
  skip(name: string, work?: unknown): void;
  only(name: string, work: Work): unknown;
}

/** Ended by its plan, by `end`, or, without a plan, by what it returns. Answers what went wrong. */
async function run(work: Work): Promise<string[]> {
  const faults: string[] = [];
  const inner: Promise<string[]>[] = [];
  let seen = 0;
  let planned: number | undefined;
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const count = (holds: boolean, text = 'it does not hold') => {
    seen += 1;
    if (!holds) faults.push(text);
    if (seen === planned) end();
  };
  const attempt = (thrower: () => void) => {
    try {
      thrower();
    } catch (error) {
      return { error };
    }
    return undefined;
  };
  const test = (name: string, itsWork: Work) => {
    const before = Promise.all(inner);
    inner.push(before.then(() => run(itsWork)).then((found) => found.map((fault) => `${name}: ${fault}`)));
    void inner.at(-1)?.then(() => count(true));
  };
  const done = work({
    plan(wanted) {
      planned = wanted;
    },
    end: () => end(),
    ok: (value, text) => count(Boolean(value), text),
    pass: () => count(true),
    fail: (text) => count(false, text),
    is: (found, wanted, text = '') => count(Object.is(found, wanted), `${text}: ${found} is not ${wanted}`),
    isNot: (found, wanted, text) => count(!Object.is(found, wanted), text),
    same: (found, wanted, text = '') =>
      count(isDeepStrictEqual(found, wanted), `${text}: ${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`),
    throws(thrower, isIt = () => true) {
      const thrown = attempt(thrower);
      count(thrown !== undefined && isIt(thrown.error), 'it does not throw that');
    },
    doesNotThrow: (thrower, text) => count(attempt(thrower) === undefined, text),
    test: Object.assign(test, { skip: () => {}, only: test }),
  });
  if (done instanceof Promise) {
    await done;
    if (planned === undefined) end();
  }
  await ended;
  return [...faults, ...(await Promise.all(inner)).flat()];
}

export function createTape(): { test: Tape; all(t: Test): Promise<void> } {
  const tests: { name: string; work: Work }[] = [];
  const test = (name: string, work: Work) => void tests.push({ name, work });
  return {
    test: Object.assign(test, { skip: () => {}, only: test }),
    async all(t) {
      for (const { name, work } of tests)
        t.strictSame(await run(work).catch((error: unknown) => [String(error)]), [], name);
    },
  };
}
