/** What was given up of each app's messages, by the code of the reason: counted, durable, and told. */
import { type Static, Type } from 'typebox';
import type { Database, Operation } from '#common/commits.js';
import { check } from '#contract/parse.js';
import type { ProblemCode } from '#contract/problems.js';

export type Direction = 'outgoing' | 'incoming';

const Count = Type.Record(Type.String(), Type.Integer({ minimum: 0 }));
const Tally = Type.Object({ outgoing: Count, incoming: Count });
export type Tally = Static<typeof Tally>;

export interface Tallies {
  of(app: string): Tally;
  /** Counts them, and answers how that is written; to be called just before it is. */
  count(app: string, direction: Direction, code: ProblemCode, many: number): Operation;
  forget(app: string): Operation;
}

export async function openTallies(db: Database): Promise<Tallies> {
  const sublevel = db.sublevel<string, unknown>('message-tallies', { valueEncoding: 'json' });
  const tallies = new Map<string, Tally>();
  for await (const [app, value] of sublevel.iterator()) {
    const read = check(Tally, value);
    if (read.ok) tallies.set(app, read.value);
  }
  const of = (app: string): Tally => tallies.get(app) ?? { outgoing: {}, incoming: {} };
  return {
    of,
    count(app, direction, code, many) {
      const before = of(app);
      const value = { ...before, [direction]: { ...before[direction], [code]: (before[direction][code] ?? 0) + many } };
      tallies.set(app, value);
      return { type: 'put', sublevel, key: app, value };
    },
    forget(app) {
      tallies.delete(app);
      return { type: 'del', sublevel, key: app };
    },
  };
}
