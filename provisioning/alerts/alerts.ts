/**
 * Alerts: every ten seconds the rules are held against what is known of the boxes. What begins, what ends and what is
 * delivered of it are one commit, so that after a cut nothing fires anew and nothing is left untold.
 */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { Alert, AlertGroup, AlertRule, NewAcknowledgement } from '#contract/alerts.js';
import { Refusal } from '#contract/problems.js';
import type { EventLog } from '../fleet/events.js';
import type { Store } from '../store/store.js';
import type { Turns } from '../store/turns.js';
import type { AlertRecord } from '../store/watch.js';
import { createRecentEvents } from './box-events.js';
import { type Held, type LiveAlert, lengthOf } from './evaluate.js';
import type { Mail } from './mail.js';
import { createRecentRefusals } from './refusals.js';
import type { Roster } from './roster.js';
import { type Change, look } from './round.js';
import type { Settings } from './settings.js';
import { deliveryOf, firingCount, lineOf, silencer, untoldOf } from './tell.js';
import { groupsOf, pageOf } from './view.js';
import type { Webhooks } from './webhooks.js';

export interface Alerts {
  /** Every rule, those that fire first. */
  groups(): AlertGroup[];
  /** Of one rule by box, from after the one named. @throws Refusal `alert-rule-unknown` */
  list(rule: string, page: { after?: string | undefined; limit: number }): Alert[];
  /** Answers how many. @throws Refusal `alert-rule-unknown`, `alert-not-firing` */
  acknowledge(wish: NewAcknowledgement, by: string): Promise<number>;
  /** Looks now rather than within ten seconds. */
  look(): Promise<void>;
  counts(): { trouble: number; attention: number; pending: number };
  start(): void;
  stop(): Promise<void>;
}

export interface AlertsParts {
  store: Store;
  clock: Clock;
  events: EventLog;
  turns: Turns;
  roster: Roster;
  settings: Settings;
  webhooks: Webhooks;
  mail: Pick<Mail, 'compose'>;
  territory: string;
  log: { error(details: object, text: string): void };
}

const lookMilliseconds = 10_000;
/** Boxes come back with jitter after the provider has started. */
const startingMilliseconds = 300_000;
/** Events of boxes before this start that rules may still hold for. */
const mostRemembered = 2000;
/** What fires together is told together. */
const gatherMilliseconds = 30_000;
/** And what fires soon after of the same rule waits so long since the last delivery. */
const gapMilliseconds = 300_000;

const keyOf = (rule: string, box: string): string => `${rule}!${box}`;

function recordOf({ clearSince: _, ...record }: LiveAlert): AlertRecord {
  return record;
}

export async function openAlerts(parts: AlertsParts): Promise<Alerts> {
  const { store, clock, events, turns, roster, settings, webhooks, mail, territory, log } = parts;
  const stopping = new AbortController();
  const refusals = createRecentRefusals(events.refusals);
  const befell = createRecentEvents();
  const alerts = new Map<string, Map<string, LiveAlert>>();
  /** When something of a rule was first left untold, and when it was last delivered. */
  const untoldSince = new Map<string, number>();
  const toldAt = new Map<string, number>();
  let startedAt = clock.now();
  let running: Promise<void> | undefined;
  let endHearing = () => {};
  const inTurn = <T>(work: () => Promise<T>) => turns.take('alerts', work);

  const of = (rule: string): Map<string, LiveAlert> => {
    const found = alerts.get(rule) ?? new Map<string, LiveAlert>();
    alerts.set(rule, found);
    return found;
  };
  for (const [key, record] of await store.alerts.iterator().all()) {
    const at = key.indexOf('!');
    of(key.slice(0, at)).set(key.slice(at + 1), record);
  }

  const put = (rule: string, box: string, alert: LiveAlert): Operation => ({
    ...{ type: 'put', sublevel: store.alerts, key: keyOf(rule, box) },
    value: recordOf(alert),
  });
  const del = (rule: string, box: string): Operation => ({
    ...{ type: 'del', sublevel: store.alerts, key: keyOf(rule, box) },
  });

  function heldByTerritory(now: number) {
    return ({ when }: AlertRule): Held | undefined => {
      if (when.kind !== 'refusals') return undefined;
      const count = refusals.within(when.codes, when.withinSeconds, now);
      if (count < when.count) return undefined;
      return { evidence: `${count} ${count === 1 ? 'refusal' : 'refusals'} within ${lengthOf(when.withinSeconds)}` };
    };
  }

  /** Made once for all that is looked at together. */
  function silencedAt(now: number): (rule: string, box: string, alert: LiveAlert) => boolean {
    const isSilenced = silencer(settings.silences().values(), now);
    return (rule, id, { label, place }) =>
      isSilenced(rule, () => ({ id, label, place, model: roster.subjects().get(id)?.model ?? '' }));
  }

  /** What is written, what counts once it is, and whom to tell then. */
  interface Work {
    operations: Operation[];
    done: (() => void)[];
  }

  function take(work: Work, changes: readonly Change[]): void {
    const begun = new Map<string, string[]>();
    const over = new Map<string, string[]>();
    for (const { rule, box, before, after } of changes) {
      // Counting towards its end, and waiting for its time: not worth a write, for it begins anew after a cut.
      const isQuiet = (after?.state ?? 'pending') === (before?.state ?? 'pending');
      if (!isQuiet && after && (after.state !== 'resolved' || after.told)) work.operations.push(put(rule, box, after));
      if (!isQuiet && (!after || (after.state === 'resolved' && !after.told))) work.operations.push(del(rule, box));
      work.done.push(() => {
        if (after && (after.state !== 'resolved' || after.told)) of(rule).set(box, after);
        else of(rule).delete(box);
      });
      if (after?.state === 'firing' && before?.state !== 'firing') begun.set(rule, [...(begun.get(rule) ?? []), box]);
      if (after?.state === 'resolved' && before?.state === 'firing') over.set(rule, [...(over.get(rule) ?? []), box]);
    }
    for (const [list, what] of [[begun, 'fires'] as const, [over, 'is over'] as const])
      for (const [rule, boxes] of list) {
        const name = settings.rules().get(rule)?.name ?? rule;
        const box = boxes.length === 1 && boxes[0] !== '' ? boxes[0] : undefined;
        const { operation, tell } = events.compose({ type: 'alert', box, text: lineOf(name, what, boxes) });
        work.operations.push(operation);
        work.done.push(tell);
      }
  }

  /** Acknowledgements that have run out are told anew. */
  function remind(work: Work, now: number): void {
    for (const [rule, list] of alerts)
      for (const [box, alert] of list) {
        const until = alert.acknowledged?.until ?? null;
        if (alert.state !== 'firing' || until === null || until > now) continue;
        const { acknowledged: _, told: __, ...rest } = alert;
        work.operations.push(put(rule, box, rest));
        work.done.push(() => of(rule).set(box, rest));
      }
  }

  function deliver(work: Work, now: number): void {
    const silenced = silencedAt(now);
    for (const rule of settings.rules().values()) {
      const list = of(rule.id);
      const untold = untoldOf(list, (box, alert) => silenced(rule.id, box, alert));
      if (untold.firing.length + untold.resolved.length === 0) {
        untoldSince.delete(rule.id);
        continue;
      }
      const since = Math.min(untoldSince.get(rule.id) ?? now, now);
      untoldSince.set(rule.id, since);
      const last = toldAt.get(rule.id) ?? Number.NEGATIVE_INFINITY;
      if (now - since < gatherMilliseconds || (now >= last && now - last < gapMilliseconds)) continue;
      const wanted = rule.webhooks ?? webhooks.list().map(({ id }) => id);
      const told = deliveryOf(rule, list, untold, { territory, now });
      const ways = [webhooks.compose(wanted, told), ...(rule.mail === false ? [] : [mail.compose(told)])];
      for (const { operations } of ways) work.operations.push(...operations);
      for (const box of untold.firing) {
        const told = { ...list.get(box)!, told: true };
        work.operations.push(put(rule.id, box, told));
        work.done.push(() => list.set(box, told));
      }
      for (const box of untold.resolved) {
        work.operations.push(del(rule.id, box));
        work.done.push(() => list.delete(box));
      }
      work.done.push(...ways.map(({ queued }) => queued), () => {
        toldAt.set(rule.id, now);
        untoldSince.delete(rule.id);
      });
    }
  }

  async function commit(work: Work): Promise<void> {
    await store.commit(work.operations);
    for (const act of work.done) act();
  }

  async function lookNow(): Promise<void> {
    const now = clock.now();
    refusals.note(now);
    await roster.refresh();
    const changes = await look({
      rules: settings.rules().values(),
      subjects: roster.subjects(),
      alerts,
      befell: (when, box) => befell.within(when, box, now),
      territory: heldByTerritory(now),
      isStarting: now >= startedAt && now - startedAt < startingMilliseconds,
      now,
    });
    const work: Work = { operations: [], done: [] };
    for (const [rule, list] of alerts) {
      if (settings.rules().has(rule)) continue;
      for (const box of list.keys()) work.operations.push(del(rule, box));
      work.done.push(() => alerts.delete(rule));
    }
    const silences = settings.expire(now);
    work.operations.push(...silences.operations);
    work.done.push(silences.done);
    take(work, changes);
    await commit(work);
    const telling: Work = { operations: [], done: [] };
    remind(telling, now);
    await commit(telling);
    const delivery: Work = { operations: [], done: [] };
    deliver(delivery, now);
    await commit(delivery);
  }

  async function run(): Promise<void> {
    const before = await events.find({ type: 'event', limit: mostRemembered }).catch(() => []);
    for (const event of before) befell.note(event);
    while (!stopping.signal.aborted) {
      await inTurn(lookNow).catch((error: unknown) => log.error({ err: error }, 'cannot look at the alert rules'));
      await clock.sleep(lookMilliseconds, stopping.signal);
    }
  }

  return {
    groups: () => groupsOf(settings.rules().values(), of, silencedAt(clock.now())),
    list(rule, page) {
      if (!settings.rules().has(rule)) throw new Refusal('alert-rule-unknown', rule);
      return pageOf(rule, of(rule), page, silencedAt(clock.now()));
    },
    acknowledge: ({ rule, box, forSeconds, note }, by) =>
      inTurn(async () => {
        if (!settings.rules().has(rule)) throw new Refusal('alert-rule-unknown', rule);
        const now = clock.now();
        const acknowledged = { by, at: now, until: forSeconds === undefined ? null : now + forSeconds * 1000, note };
        const wanted = [...of(rule)].filter(
          ([id, { state }]) => state === 'firing' && (box === undefined || id === (box ?? '')),
        );
        if (wanted.length === 0) throw new Refusal('alert-not-firing', rule);
        const after = wanted.map(([id, alert]) => [id, { ...alert, acknowledged }] as const);
        await store.commit(after.map(([id, alert]) => put(rule, id, alert)));
        for (const [id, alert] of after) of(rule).set(id, alert);
        return after.length;
      }),
    look: () => inTurn(lookNow),
    counts() {
      const counts = { trouble: 0, attention: 0, pending: 0 };
      for (const rule of settings.rules().values()) {
        const list = of(rule.id);
        counts[rule.severity] += firingCount(list);
        counts.pending += [...list.values()].filter(({ state }) => state === 'pending').length;
      }
      return counts;
    },
    start() {
      startedAt = clock.now();
      roster.start();
      endHearing = events.subscribe(befell.note);
      running ??= run();
    },
    async stop() {
      stopping.abort();
      endHearing();
      await running;
      roster.stop();
    },
  };
}
