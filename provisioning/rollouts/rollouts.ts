/**
 * Rollouts as the store has them. One at a time for an app, a channel and an architecture, for everybody and for named
 * boxes apart; a newer release takes its place. Whatever is decided, by somebody or by results, is one synced batch with
 * the operator's event of it, and decided in the app's turn, so that a decision is about what stands.
 */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import { Refusal } from '#contract/problems.js';
import type { RolloutBy, RolloutPlan, RolloutVerb, RolloutView } from '#contract/rollout.js';
import type { Listed } from '../catalogue/registry.js';
import type { EventLog } from '../fleet/events.js';
import type { OutcomeCounts, RolloutRecord } from '../store/rollouts.js';
import type { Store } from '../store/store.js';
import { createTurns } from '../store/turns.js';
import * as plan from './plan.js';

export interface Act {
  act: RolloutVerb;
  by: Exclude<RolloutBy, 'results'>;
  reason?: string | undefined;
}

/** Part of a batch, and what is to be done once it is on the disk. */
export interface Composed {
  operations: Operation[];
  tell(): void;
}

export interface Rollouts {
  /** Finds those that go on. */
  open(): Promise<void>;
  view(listed: Listed): RolloutView | undefined;
  counts(release: string): OutcomeCounts;
  /** Whether the box may have it now. */
  isOffered(listed: Pick<Listed, 'id' | 'app'>, box: string, named: boolean): boolean;
  /** Whether it ever was within the box's reach. */
  mayHaveHad(listed: Pick<Listed, 'id' | 'app'>, box: string): boolean;
  /** In one batch with its publication: it takes the place of an earlier one, and begins its own rollout if it has a plan. */
  published(
    listed: Listed,
    wish: RolloutPlan | undefined,
    commit: (operations: Operation[]) => Promise<void>,
  ): Promise<void>;
  /** @throws Refusal `rollout-unknown`, `rollout-over`, `rollout-paused`, `rollout-held`, `release-ended` */
  act(listed: Listed, wish: Act): Promise<void>;
  /** One at a time for each app. */
  inTurn<T>(app: string, work: () => Promise<T>): Promise<T>;
  /** What these results mean for it; in the app's turn. */
  judged(app: string, release: string, counts: OutcomeCounts): Promise<Composed | undefined>;
  /** Those whose time has come go on. */
  look(): Promise<void>;
}

const nothing: OutcomeCounts = { outcomes: {}, codes: {} };
const mostTold = 3;
const percentOf = ({ reach }: RolloutRecord): number => Math.round((reach * 1000) / plan.whole) / 10;

export function createRollouts({
  store,
  clock,
  events,
}: {
  store: Store;
  clock: Pick<Clock, 'now'>;
  events: Pick<EventLog, 'compose'>;
}): Rollouts {
  const { rollouts, releases, releaseBoxes, installs, boxes } = store;
  const turns = createTurns();
  /** Those that are not over, with their apps. */
  const open = new Map<string, string>();

  const find = (release: string): RolloutRecord | undefined => rollouts.getSync(release);
  const counts = (release: string): OutcomeCounts => store.outcomeCounts.getSync(release) ?? nothing;
  const inTurn = <T>(app: string, work: () => Promise<T>): Promise<T> => turns.take(app, work);
  const runs = ({ id, app }: Pick<Listed, 'id' | 'app'>, box: string): boolean =>
    installs.getSync(`${app}!${box}`) === id;

  /** Where the boxes stand that have the app, of this channel and architecture. */
  async function known(release: string, about: Pick<RolloutRecord, 'app' | 'channel' | 'architecture' | 'private'>) {
    const positions: number[] = [];
    for await (const [key, has] of installs.iterator({ gte: `${about.app}!`, lt: `${about.app}"` })) {
      const box = key.slice(about.app.length + 1);
      const its = releases.getSync(`${about.app}!${has}`);
      const record = boxes.getSync(box);
      const isHere = record !== undefined && record.revokedAt === undefined;
      const isMeant = !about.private || releaseBoxes.getSync(`${release}!${box}`) === true;
      if (isHere && isMeant && its?.channel === about.channel && its.architecture === about.architecture)
        positions.push(plan.positionOf(release, box));
    }
    return positions;
  }

  const nameOf = (release: string, { app }: RolloutRecord): string =>
    `${app} ${releases.getSync(`${app}!${release}`)?.version ?? release}`;

  function say(record: RolloutRecord): string {
    const { waves } = record.plan;
    const why = record.why ? `: ${record.why.text || `by the ${record.why.by}`}` : '';
    if (record.state !== 'running') return `the rollout is ${record.state}${why}`;
    return `wave ${record.wave + 1} of ${waves.length}, ${percentOf(record)} % of the boxes`;
  }

  function put(release: string, record: RolloutRecord): Composed {
    const isStopped = record.state === 'paused' && record.why?.by === 'results';
    const told = events.compose({
      type: isStopped ? 'rollout-stopped' : 'rollout',
      text: `${nameOf(release, record)}, ${release}: ${say(record)}`,
      ...(isStopped ? { code: 'rollout-failing' as const } : {}),
    });
    return {
      operations: [{ type: 'put', sublevel: rollouts, key: release, value: record }, told.operation],
      tell() {
        if (plan.isOver(record)) open.delete(release);
        else open.set(release, record.app);
        told.tell();
      },
    };
  }

  async function write(composed: Composed): Promise<void> {
    await store.commit(composed.operations);
    composed.tell();
  }

  function stopped(record: RolloutRecord, { failed, results }: { failed: number; results: number }, codes: string) {
    const rate = Math.round((failed * 100) / results);
    const text = `${failed} of ${results} boxes failed (${rate} %, more than ${record.plan.stopAt} %)${codes}`;
    return { ...record, state: 'paused', why: { by: 'results', text, at: clock.now() } } as const;
  }

  function codesOf({ codes }: OutcomeCounts): string {
    const most = Object.entries(codes).sort(([, a], [, b]) => b - a);
    const named = most.slice(0, mostTold).map(([code, count]) => `${code} ${count}`);
    return named.length > 0 ? `; codes told: ${named.join(', ')}` : '';
  }

  async function judged(app: string, release: string, now: OutcomeCounts): Promise<Composed | undefined> {
    const record = find(release);
    if (record?.state !== 'running' || releases.getSync(`${app}!${release}`)?.ended) return undefined;
    if (plan.isBackdated(record, clock.now())) return put(release, { ...record, waveAt: clock.now() });
    const judgement = plan.judge(record, plan.tallyOf(now.outcomes), clock.now());
    if (judgement.kind === 'stop') return put(release, stopped(record, judgement, codesOf(now)));
    if (judgement.kind === 'advance') return put(release, plan.goOn(record, await known(release, record), clock.now()));
    return undefined;
  }

  function view(listed: Listed): RolloutView | undefined {
    const record = find(listed.id);
    if (!record) return undefined;
    const { ended } = listed;
    const isCut = ended !== undefined && !plan.isOver(record);
    const by = ended?.state === 'stopped' ? ('provider' as const) : ('member' as const);
    return {
      state: isCut ? 'aborted' : record.state,
      plan: record.plan,
      wave: record.wave + 1,
      percent: percentOf(record),
      boxes: { running: record.fleet, reached: record.inReach },
      startedAt: record.startedAt,
      waveAt: record.waveAt,
      why: isCut ? { by, text: ended.reason, at: ended.at } : (record.why ?? null),
    };
  }

  return {
    view,
    counts,
    inTurn,
    judged,

    async open() {
      for await (const [release, record] of rollouts.iterator())
        if (!plan.isOver(record)) open.set(release, record.app);
    },

    isOffered(listed, box, named) {
      const record = find(listed.id);
      return !record || plan.isOffered(record, { release: listed.id, box, runs: runs(listed, box), named });
    },

    mayHaveHad(listed, box) {
      const record = find(listed.id);
      return !record || runs(listed, box) || plan.positionOf(listed.id, box) < record.reach;
    },

    published: ({ id, app, channel, architecture, private: isPrivate }, wish, commit) =>
      inTurn(app, async () => {
        const about = { app, channel, architecture, private: isPrivate };
        const now = clock.now();
        const composed: Composed[] = [];
        for (const other of [...open.keys()]) {
          const its = find(other);
          const isSame = (['app', 'channel', 'architecture', 'private'] as const).every(
            (one) => its?.[one] === about[one],
          );
          const why = { by: 'member' as const, text: `by ${id}`, at: now };
          if (its && isSame) composed.push(put(other, { ...its, state: 'superseded', why }));
        }
        if (wish) composed.push(put(id, plan.begin(about, { plan: wish, known: await known(id, about), now })));
        await commit(composed.flatMap(({ operations }) => operations));
        for (const { tell } of composed) tell();
      }),

    act: (listed, wish) =>
      inTurn(listed.app, async () => {
        const record = find(listed.id);
        if (!record) throw new Refusal('rollout-unknown', listed.id);
        if (listed.ended) throw new Refusal('release-ended', listed.ended.reason);
        const now = clock.now();
        const tally = plan.tallyOf(counts(listed.id).outcomes);
        const next = plan.act(record, wish, { known: await known(listed.id, record), tally, now });
        if (next !== record) await write(put(listed.id, next));
      }),

    async look() {
      for (const [release, app] of [...open])
        await inTurn(app, async () => {
          const composed = await judged(app, release, counts(release));
          if (composed) await write(composed);
        });
    },
  };
}
