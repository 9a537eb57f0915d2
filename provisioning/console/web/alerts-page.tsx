import { useEffect, useState } from 'preact/hooks';
import type { AlertGroup, AlertRule, NewAlertRule, Silence } from '#contract/alerts.js';
import { Group } from './alert-group.js';
import { Mail } from './alert-mail.js';
import { RuleForm } from './alert-rule-form.js';
import { Webhooks } from './alert-webhooks.js';
import { call } from './api.js';
import { Asking } from './asking.js';
import type { Live } from './live.js';
import { may, WhoCan } from './may.js';
import { Failure, Mark, Skeleton, Title, useAsked, When } from './parts.js';
import { texts } from './texts.js';

const words = texts.alerts;

function Silences(props: { silences: readonly Silence[]; rules: readonly AlertRule[]; live: Live; again: () => void }) {
  const { silences, rules, live, again } = props;
  const what = ({ rule, box, place, model, labelPrefix }: Silence) =>
    [rules.find(({ id }) => id === rule)?.name, box, place, model, labelPrefix].filter(Boolean).join(', ') ||
    words.everything;
  if (silences.length === 0) return null;
  return (
    <>
      <h2>{words.silences}</h2>
      <ul class="rows panel">
        {silences.map((one) => (
          <li key={one.id}>
            <strong>{what(one)}</strong>
            <span>
              {one.reason} <span class="muted">{words.of(one.by)}</span>
            </span>
            <span class="muted">
              {words.until} <When at={one.until} />
            </span>
            {may(live, 'operator') && (
              <button
                type="button"
                class="quiet act"
                aria-label={words.endNamed(one.reason)}
                onClick={() => void live.watch(call('DELETE', `/v1/silences/${one.id}`)).then(again, again)}
              >
                {words.end}
              </button>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}

function Rule(props: { group: AlertGroup; isAdmin: boolean; live: Live; again: () => void }) {
  const { group, isAdmin, live, again } = props;
  const { rule } = group;
  const [isEditing, setEditing] = useState(false);
  const path = `/v1/alert-rules/${rule.id}`;
  async function save(body: NewAlertRule): Promise<void> {
    await live.watch(call('PUT', path, { body }));
    setEditing(false);
    again();
  }
  if (isEditing)
    return (
      <li class="edited">
        <RuleForm rule={rule} save={save} cancel={() => setEditing(false)} />
      </li>
    );
  return (
    <li>
      <strong>{rule.name}</strong>
      <span class="muted">
        {words.kinds[rule.when.kind]}
        {rule.forSeconds > 0 && `, ${Math.round(rule.forSeconds / 60)} min`}
        {rule.scope.place && `, ${rule.scope.place}`}
        {group.pending > 0 && ` · ${words.pending(group.pending)}`}
      </span>
      <Mark tone={rule.enabled ? 'good' : 'unknown'}>{rule.enabled ? words.on : words.off}</Mark>
      {isAdmin && (
        <span class="row-buttons">
          <button
            type="button"
            class="quiet act"
            aria-label={words.editNamed(rule.name)}
            onClick={() => setEditing(true)}
          >
            {words.edit}
          </button>
          <Asking
            words={{
              ...{ act: words.remove, named: words.removeNamed(rule.name), ask: words.removeNamed(rule.name) },
              ...{ yes: words.removeAsk, no: words.cancel },
            }}
            act={async () => {
              await live.watch(call('DELETE', path));
              again();
            }}
          />
        </span>
      )}
    </li>
  );
}

export function AlertsPage({ live }: { live: Live }) {
  const asked = useAsked('alerts', () =>
    live.watch(Promise.all([call<AlertGroup[]>('GET', '/v1/alerts'), call<Silence[]>('GET', '/v1/silences')])),
  );
  const [isAdding, setAdding] = useState(false);
  const again = () => {
    asked.again();
    void live.refreshAlerts();
  };
  useEffect(() => live.onEvent((event) => (!event || event.type === 'alert' ? again() : undefined)), [live]);
  const [groups, silences] = asked.value ?? [];
  const [mayAct, isAdmin] = [may(live, 'operator'), may(live, 'admin')];
  const firing = groups?.filter((group) => group.firing > 0) ?? [];
  const boxes = firing.reduce((sum, group) => sum + group.firing, 0);

  async function create(body: NewAlertRule): Promise<void> {
    await live.watch(call('POST', '/v1/alert-rules', { body }));
    setAdding(false);
    again();
  }
  return (
    <>
      <Title page={words.pageTitle}>{groups ? words.summary(firing.length, boxes) : words.asking}</Title>
      <p class="lead">{words.lead}</p>
      {asked.error !== undefined && live.state.reachable && <Failure error={asked.error} />}
      {!groups && <Skeleton lines={4} />}
      <WhoCan live={live} needs="operator" act="alerts" />
      {firing.map((group) => (
        <Group key={group.rule.id} group={group} mayAct={mayAct} live={live} again={again} />
      ))}
      {groups && silences && (
        <>
          <Silences silences={silences} rules={groups.map(({ rule }) => rule)} live={live} again={again} />
          <h2>{words.rules}</h2>
          <ul class="rows panel">
            {[...groups]
              .sort((a, b) => (a.rule.name < b.rule.name ? -1 : 1))
              .map((group) => (
                <Rule key={group.rule.id} group={group} isAdmin={isAdmin} live={live} again={again} />
              ))}
          </ul>
        </>
      )}
      {mayAct && <WhoCan live={live} needs="admin" act="rules" />}
      {isAdmin && (
        <>
          {isAdding ? (
            <RuleForm save={create} cancel={() => setAdding(false)} />
          ) : (
            <div class="acts">
              <button type="button" onClick={() => setAdding(true)}>
                {words.add}
              </button>
            </div>
          )}
          <Webhooks live={live} />
          <Mail live={live} />
        </>
      )}
    </>
  );
}
