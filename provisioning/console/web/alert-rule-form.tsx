import { useState } from 'preact/hooks';
import type { AlertRule, AlertWhen, NewAlertRule } from '#contract/alerts.js';
import { TextField } from './fields.js';
import { Failure } from './parts.js';
import { texts } from './texts.js';

const words = texts.alerts;
type Kind = AlertWhen['kind'];
const day = 86_400;

/** What a rule of this kind is asked about, as the fields hold it. */
function numberOf(when: AlertWhen): number {
  if (when.kind === 'certificate') return Math.round(when.withinSeconds / day);
  if (when.kind === 'gaps') return when.samples;
  if (when.kind === 'event') return Math.round(when.withinSeconds / 3600);
  return when.kind === 'refusals' ? when.count : 1;
}

const numberWords: Partial<Record<Kind, string>> = {
  certificate: words.days,
  gaps: words.samples,
  event: words.hours,
  refusals: words.count,
};

/** Kinds of these are named, and how bad they are at least. */
const isOfNames = (kind: Kind): boolean => kind === 'condition' || kind === 'event';

function namesOf(when: AlertWhen): string[] {
  if (when.kind === 'event') return when.events ?? [];
  return when.kind === 'condition' ? (when.conditions ?? []) : [];
}

function whenOf(kind: Kind, n: number, conditions: string, least: 'info' | 'attention' | 'trouble'): AlertWhen {
  const named = conditions.split(/[\s,]+/).filter(Boolean);
  switch (kind) {
    case 'condition':
      return {
        kind,
        ...(named.length > 0 && { conditions: named }),
        ...(least !== 'info' && { severity: least }),
      };
    case 'certificate':
      return { kind, withinSeconds: n * day };
    case 'gaps':
      return { kind, samples: n };
    case 'event':
      return {
        ...{ kind, withinSeconds: n * 3600 },
        ...(named.length > 0 && { events: named }),
        ...(least !== 'info' && { severity: least }),
      };
    case 'refusals':
      return { kind, count: n, withinSeconds: 3600 };
    default:
      return { kind };
  }
}

function Select<T extends string>(props: {
  id: string;
  label: string;
  options: Record<T, string>;
  value: T;
  set: (value: T) => void;
}) {
  return (
    <div>
      <label for={props.id}>{props.label}</label>
      <select id={props.id} value={props.value} onChange={(event) => props.set(event.currentTarget.value as T)}>
        {(Object.keys(props.options) as T[]).map((key) => (
          <option key={key} value={key}>
            {props.options[key]}
          </option>
        ))}
      </select>
    </div>
  );
}

/** What it does not ask about stays as it was. */
export function RuleForm(props: { rule?: AlertRule; save: (rule: NewAlertRule) => Promise<void>; cancel: () => void }) {
  const { rule, save, cancel } = props;
  const before = rule?.when ?? { kind: 'condition' as const };
  const [name, setName] = useState(rule?.name ?? '');
  const [kind, setKind] = useState<Kind>(before.kind);
  const [n, setN] = useState(String(numberOf(before)));
  const [conditions, setConditions] = useState(namesOf(before).join(', '));
  const [least, setLeast] = useState(
    isOfNames(before.kind) && 'severity' in before ? (before.severity ?? 'info') : 'info',
  );
  const [severity, setSeverity] = useState(rule?.severity ?? 'attention');
  const [minutes, setMinutes] = useState(String(Math.round((rule?.forSeconds ?? 0) / 60)));
  const [place, setPlace] = useState(rule?.scope.place ?? '');
  const [isOn, setOn] = useState(rule?.enabled ?? true);
  const [byMail, setByMail] = useState(rule?.mail ?? true);
  const [error, setError] = useState<unknown>();

  const submit = (event: Event) => {
    event.preventDefault();
    const { place: _, ...scope } = rule?.scope ?? {};
    const same = kind === before.kind && Number(n) === numberOf(before) && !isOfNames(kind) && rule !== undefined;
    save({
      ...{ name: name.trim(), severity, enabled: isOn, clearSeconds: rule?.clearSeconds ?? 300 },
      when: same ? before : whenOf(kind, Number(n), conditions, least),
      forSeconds: rule && Number(minutes) === Math.round(rule.forSeconds / 60) ? rule.forSeconds : Number(minutes) * 60,
      scope: { ...scope, ...(place.trim() && { place: place.trim() }) },
      ...(rule?.webhooks && { webhooks: rule.webhooks }),
      ...((!byMail || rule?.mail !== undefined) && { mail: byMail }),
    }).catch(setError);
  };
  const { attention, trouble } = words.severity;
  const id = rule?.id ?? 'new';
  return (
    <form class="panel rule-form" aria-label={rule ? words.editNamed(rule.name) : words.add} onSubmit={submit}>
      {error !== undefined && <Failure error={error} />}
      <TextField id={`${id}-name`} label={words.name} value={name} set={setName} />
      <Select id={`${id}-kind`} label={words.kind} options={words.kinds} value={kind} set={setKind} />
      {isOfNames(kind) && (
        <>
          <TextField
            {...{ id: `${id}-conditions`, label: kind === 'event' ? words.events : words.conditions }}
            hint={kind === 'event' ? words.eventsHint : words.conditionsHint}
            {...{ value: conditions, set: setConditions }}
          />
          <Select id={`${id}-least`} label={words.least} options={words.leastOf} value={least} set={setLeast} />
        </>
      )}
      {numberWords[kind] && <TextField id={`${id}-number`} label={numberWords[kind]} value={n} isNumber set={setN} />}
      <TextField id={`${id}-minutes`} label={words.minutes} value={minutes} isNumber set={setMinutes} />
      <TextField id={`${id}-place`} label={words.place} hint={words.placeHint} value={place} set={setPlace} />
      <Select
        id={`${id}-told`}
        label={words.told}
        options={{ attention, trouble }}
        value={severity}
        set={setSeverity}
      />
      <label class="check">
        <input type="checkbox" checked={isOn} onChange={(event) => setOn(event.currentTarget.checked)} />
        {words.enabled}
      </label>
      <label class="check">
        <input type="checkbox" checked={byMail} onChange={(event) => setByMail(event.currentTarget.checked)} />
        {words.byMail}
      </label>
      <div class="acts">
        <button type="submit" class="main">
          {words.save}
        </button>
        <button type="button" onClick={cancel}>
          {words.cancel}
        </button>
      </div>
    </form>
  );
}
