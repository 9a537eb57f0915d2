/**
 * What boxes tell of their changes. The newest that a box told of a release is kept, with a count of them all; a report
 * that comes twice counts once. A box speaks of itself alone (whose certificate it is says who), of what it may have had,
 * and so often and no more. Members read it under a name of the box that is theirs alone.
 */
import { createHmac, randomBytes } from 'node:crypto';
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { buildCursor, parseCursor } from '#contract/cursor.js';
import { check } from '#contract/parse.js';
import { isProblemCode, problem, Refusal } from '#contract/problems.js';
import {
  type BoxResult,
  Outcome,
  type OutcomeProblem,
  type OutcomeReport,
  type ResultsPage,
} from '#contract/rollout.js';
import type { Found, Listed, Registry } from '../catalogue/registry.js';
import type { EventLog } from '../fleet/events.js';
import type { OutcomeCounts, OutcomeRecord } from '../store/rollouts.js';
import type { Store } from '../store/store.js';
import { createTurns } from '../store/turns.js';
import type { Rollouts } from './rollouts.js';

export interface Results {
  /** @throws Refusal `too-many-requests` */
  take(box: string, report: OutcomeReport): Promise<void>;
  /** @throws Refusal `cursor-invalid` */
  page(listed: Listed, cursor: string | undefined): Promise<ResultsPage>;
}

const perPage = 200;
/** More than a report holds: one that is sent again is known as a whole. */
const mostRecent = 200;

const wordOf = ({ kind, outcome }: Pick<OutcomeRecord, 'kind' | 'outcome'>): string =>
  kind === 'remove' && outcome === 'done' ? 'removed' : outcome;

/** Of a code that is known here the sentence is ours: what a box writes is read by others. */
const problemOf = ({ code, title }: OutcomeProblem): OutcomeProblem => ({
  code,
  title: isProblemCode(code) ? problem(code).title : title,
});

/** Of codes that are unknown here there may be any number. */
const countedAs = ({ code }: OutcomeProblem): string => (isProblemCode(code) ? code : 'other');

function counted(counts: OutcomeCounts, record: OutcomeRecord | undefined, by: 1 | -1): OutcomeCounts {
  if (!record) return counts;
  const change = (of: Record<string, number>, key: string): Record<string, number> => {
    const { [key]: before = 0, ...rest } = of;
    return before + by > 0 ? { ...rest, [key]: before + by } : rest;
  };
  return {
    outcomes: change(counts.outcomes, wordOf(record)),
    codes: record.problem ? change(counts.codes, countedAs(record.problem)) : counts.codes,
  };
}

const hasFailed = ({ outcome }: OutcomeRecord): boolean => outcome === 'failed' || outcome === 'rolled-back';

export async function openResults({
  store,
  rollouts,
  registry,
  quota,
  clock,
  events,
}: {
  store: Store;
  rollouts: Rollouts;
  registry: Pick<Registry, 'find' | 'isOfferedTo'>;
  quota: { take(box: string): boolean };
  clock: Pick<Clock, 'now'>;
  events: Pick<EventLog, 'record'>;
}): Promise<Results> {
  const { outcomes, outcomeCounts, outcomesHeard, installs, rolloutKeys, releaseBoxes } = store;
  const turns = createTurns();
  const kept = await rolloutKeys.get('aliases');
  const aliasKey = kept ?? randomBytes(32).toString('base64');
  if (kept === undefined) await store.commit([{ type: 'put', sublevel: rolloutKeys, key: 'aliases', value: aliasKey }]);

  const aliasOf = (member: string, box: string): string =>
    createHmac('sha256', Buffer.from(aliasKey, 'base64')).update(`${member}\n${box}`).digest('hex').slice(0, 16);

  /** Undefined for what is not in the catalogue, or can never have reached the box. */
  function meant(box: string, { app, release }: Outcome): Found | undefined {
    const found = registry.find(release);
    if (!found || found.app !== app) return undefined;
    if (registry.isOfferedTo(release, box)) return found;
    if (found.private && releaseBoxes.getSync(`${release}!${box}`) !== true) return undefined;
    return rollouts.mayHaveHad(found, box) ? found : undefined;
  }

  function installed(box: string, { app, release, kind, outcome }: Outcome): Operation[] {
    if (outcome !== 'done') return [];
    const key = `${app}!${box}`;
    return kind === 'remove'
      ? [{ type: 'del', sublevel: installs, key }]
      : [{ type: 'put', sublevel: installs, key, value: release }];
  }

  async function takeOne(box: string, told: Outcome, recent: readonly string[]): Promise<void> {
    const found = meant(box, told);
    const heard: Operation = {
      type: 'put',
      sublevel: outcomesHeard,
      key: box,
      value: { recent: [...recent, told.id].slice(-mostRecent) },
    };
    if (!found) return store.commit([heard]);
    const { kind, outcome, from, agent } = told;
    await rollouts.inTurn(found.app, async () => {
      const key = `${found.id}!${aliasOf(found.member, box)}`;
      const before = outcomes.getSync(key);
      const record: OutcomeRecord = {
        ...{ kind, outcome, at: told.at, toldAt: clock.now(), agent, box },
        ...(told.problem && { problem: problemOf(told.problem) }),
        ...(from !== null && { from }),
      };
      // That its owner removed what had failed is no reason to forget that it had.
      const isKept = kind === 'remove' && before !== undefined && hasFailed(before);
      const counts = isKept
        ? rollouts.counts(found.id)
        : counted(counted(rollouts.counts(found.id), before, -1), record, 1);
      const judged = isKept ? undefined : await rollouts.judged(found.app, found.id, counts);
      const puts: Operation[] = isKept
        ? []
        : [
            { type: 'put', sublevel: outcomes, key, value: record },
            { type: 'put', sublevel: outcomeCounts, key: found.id, value: counts },
          ];
      await store.commit([...puts, ...installed(box, told), heard, ...(judged?.operations ?? [])]);
      judged?.tell();
    });
  }

  const fromOf = (app: string, release: string | undefined): BoxResult['from'] =>
    release === undefined ? null : { release, version: store.releases.getSync(`${app}!${release}`)?.version ?? null };

  return {
    take: (box, { outcomes: told, dropped }) =>
      turns.take(box, async () => {
        if (!quota.take(box)) throw new Refusal('too-many-requests', undefined, { headers: { 'retry-after': '60' } });
        for (const one of told) {
          const read = check(Outcome, one);
          const recent = outcomesHeard.getSync(box)?.recent ?? [];
          // A newer agent may tell what is not understood here: that is no reason for it to tell it for ever.
          if (read.ok && !recent.includes(read.value.id)) await takeOne(box, read.value, recent);
        }
        if (dropped > 0)
          events.record({ type: 'gap', box, text: `${dropped} reports about its apps were lost: it had no room left` });
      }),

    async page(listed, cursor) {
      const scope = `${listed.id}!`;
      const after = cursor === undefined ? scope : parseCursor(scope, cursor);
      if (after === undefined) throw new Refusal('cursor-invalid');
      const entries = await outcomes.iterator({ gt: after, lt: `${listed.id}"`, limit: perPage }).all();
      const last = entries.length === perPage ? entries.at(-1)?.[0] : undefined;
      return {
        ...{ release: listed.id, app: listed.app, version: listed.version },
        rollout: rollouts.view(listed) ?? null,
        counts: rollouts.counts(listed.id),
        boxes: entries.map(([key, { kind, outcome, problem: why, from, at, toldAt, agent, box }]) => ({
          box: listed.private ? box : key.slice(scope.length),
          ...{ kind, outcome, problem: why ?? null, from: fromOf(listed.app, from), at, toldAt, agent },
        })),
        cursor: last === undefined ? null : buildCursor(scope, last),
      };
    },
  };
}
