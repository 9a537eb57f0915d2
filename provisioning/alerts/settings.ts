/** Rules and silences as an admin sets them: stored, and held in memory. */
import type { Clock } from '#common/clock.js';
import type { Operation } from '#common/commits.js';
import type { AlertRule, NewAlertRule, NewSilence, Silence } from '#contract/alerts.js';
import { Refusal } from '#contract/problems.js';
import type { Store } from '../store/store.js';
import { builtInRules } from './built-in.js';
import { newId } from './webhooks.js';

export interface Settings {
  rules(): ReadonlyMap<string, AlertRule>;
  silences(): ReadonlyMap<string, Silence>;
  /** @throws Refusal `alert-rules-too-many` */
  createRule(wish: NewAlertRule): Promise<AlertRule>;
  /** @throws Refusal `alert-rule-unknown` */
  setRule(id: string, wish: NewAlertRule): Promise<AlertRule>;
  /** @throws Refusal `alert-rule-unknown` */
  removeRule(id: string): Promise<void>;
  /** @throws Refusal `silences-too-many`, `alert-rule-unknown` */
  createSilence(wish: NewSilence, by: string): Promise<Silence>;
  /** @throws Refusal `silence-unknown` */
  endSilence(id: string): Promise<void>;
  /** Forgets silences that are over: what is to be committed, and what to call then. */
  expire(now: number): { operations: Operation[]; done(): void };
}

const mostRules = 100;
const mostSilences = 200;

export async function openSettings({
  store,
  clock,
  leafSeconds,
}: {
  store: Store;
  clock: Pick<Clock, 'now'>;
  leafSeconds: number;
}): Promise<Settings> {
  if ((await store.alertMeta.get('builtIn')) === undefined)
    await store.commit([
      ...builtInRules(leafSeconds, clock.now()).map(
        (rule): Operation => ({ type: 'put', sublevel: store.alertRules, key: rule.id, value: rule }),
      ),
      { type: 'put', sublevel: store.alertMeta, key: 'builtIn', value: 1 },
    ]);
  const rules = new Map(await store.alertRules.iterator().all());
  const silences = new Map(await store.silences.iterator().all());

  function known(id: string): AlertRule {
    const rule = rules.get(id);
    if (!rule) throw new Refusal('alert-rule-unknown', id);
    return rule;
  }

  async function keep(rule: AlertRule): Promise<AlertRule> {
    await store.commit([{ type: 'put', sublevel: store.alertRules, key: rule.id, value: rule }]);
    rules.set(rule.id, rule);
    return rule;
  }

  return {
    rules: () => rules,
    silences: () => silences,
    async createRule(wish) {
      if (rules.size >= mostRules) throw new Refusal('alert-rules-too-many', `${mostRules} at most`);
      return keep({ ...wish, id: newId(), changedAt: clock.now() });
    },
    setRule: async (id, wish) => keep({ ...wish, id: known(id).id, changedAt: clock.now() }),
    async removeRule(id) {
      known(id);
      await store.commit([{ type: 'del', sublevel: store.alertRules, key: id }]);
      rules.delete(id);
    },
    async createSilence({ forSeconds, ...wish }, by) {
      if (silences.size >= mostSilences) throw new Refusal('silences-too-many', `${mostSilences} at most`);
      if (wish.rule !== undefined) known(wish.rule);
      const now = clock.now();
      const silence = { ...wish, id: newId(), by, from: now, until: now + forSeconds * 1000 };
      await store.commit([{ type: 'put', sublevel: store.silences, key: silence.id, value: silence }]);
      silences.set(silence.id, silence);
      return silence;
    },
    async endSilence(id) {
      if (!silences.has(id)) throw new Refusal('silence-unknown', id);
      await store.commit([{ type: 'del', sublevel: store.silences, key: id }]);
      silences.delete(id);
    },
    expire(now) {
      const over = [...silences.values()].filter(({ until }) => until <= now).map(({ id }) => id);
      return {
        operations: over.map((key): Operation => ({ type: 'del', sublevel: store.silences, key })),
        done() {
          for (const id of over) silences.delete(id);
        },
      };
    },
  };
}
