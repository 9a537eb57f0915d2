import { useState } from 'preact/hooks';
import type { Alert, AlertGroup } from '#contract/alerts.js';
import { call } from './api.js';
import { conditionTitle } from './condition-words.js';
import type { Live } from './live.js';
import { Failure, Mark, When } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';

const words = texts.alerts;
const pageSize = 500;

/** A condition's kind stands before its evidence: it is told by its title. */
function sayEvidence(evidence: string): string {
  const kind = /^([a-z]+(?:-[a-z]+)*): /.exec(evidence)?.[1];
  return kind === undefined ? evidence : conditionTitle(kind) + evidence.slice(kind.length);
}

function One({ alert, acknowledge }: { alert: Alert; acknowledge: (() => Promise<void>) | undefined }) {
  const { box, label, place, evidence, since, acknowledged, silenced } = alert;
  const [error, setError] = useState<unknown>();
  return (
    <li>
      <span>
        {box === null ? words.territory : <Link to={`/boxes/${box}`}>{box}</Link>}{' '}
        <span class="muted">{[label, place].filter(Boolean).join(', ')}</span>
      </span>
      <span>{sayEvidence(evidence)}</span>
      <span class="muted">
        {words.since} <When at={since} />
        {acknowledged && (
          <>
            {' · '}
            <span title={acknowledged.note}>{words.by(acknowledged.by)}</span>
          </>
        )}
        {silenced && ` · ${words.isSilenced}`}
        {acknowledge && !acknowledged && !silenced && (
          <button
            type="button"
            class="quiet act"
            aria-label={words.acknowledgeBox(box ?? words.territory)}
            onClick={() => void acknowledge().catch(setError)}
          >
            {words.acknowledge}
          </button>
        )}
      </span>
      {error !== undefined && <Failure error={error} />}
    </li>
  );
}

/** For how long, and in what words: what both an acknowledgement and a silence ask. */
function Form(props: {
  id: string;
  legend: string;
  label: string;
  lasting: string;
  never?: boolean;
  needed?: boolean;
  act: string;
  submit: (said: string, seconds: number) => Promise<void>;
  cancel: () => void;
}) {
  const { id, legend, label, lasting, never, needed, act, submit, cancel } = props;
  const [text, setText] = useState('');
  const [seconds, setSeconds] = useState(never ? 0 : 3600);
  const [isEmpty, setEmpty] = useState(false);
  const [error, setError] = useState<unknown>();
  return (
    <form
      class="panel rule-form"
      aria-label={legend}
      onSubmit={(event) => {
        event.preventDefault();
        setEmpty(Boolean(needed) && text.trim() === '');
        if (!needed || text.trim() !== '') submit(text.trim(), seconds).catch(setError);
      }}
    >
      {error !== undefined && <Failure error={error} />}
      <div>
        <label for={`${id}-text`}>{label}</label>
        {isEmpty && (
          <p class="fault" id={`${id}-fault`}>
            <Mark tone="trouble">{words.emptyReason}</Mark>
          </p>
        )}
        <input
          id={`${id}-text`}
          type="text"
          maxLength={500}
          autocomplete="off"
          value={text}
          aria-invalid={isEmpty}
          aria-describedby={isEmpty ? `${id}-fault` : undefined}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </div>
      <div>
        <label for={`${id}-time`}>{lasting}</label>
        <select
          id={`${id}-time`}
          value={String(seconds)}
          onChange={(event) => setSeconds(Number(event.currentTarget.value))}
        >
          {never && <option value="0">{words.never}</option>}
          {words.spans.map(([value, name]) => (
            <option key={value} value={String(value)}>
              {name}
            </option>
          ))}
        </select>
      </div>
      <div class="acts">
        <button type="submit" class="main">
          {act}
        </button>
        <button type="button" onClick={cancel}>
          {words.cancel}
        </button>
      </div>
    </form>
  );
}

export function Group(props: { group: AlertGroup; mayAct: boolean; live: Live; again: () => void }) {
  const { group, mayAct, live, again } = props;
  const { rule, firing, acknowledged, silenced, alerts } = group;
  const [doing, setDoing] = useState<'acknowledge' | 'silence'>();
  const cancel = () => setDoing(undefined);
  const [all, setAll] = useState<readonly Alert[]>();
  const [error, setError] = useState<unknown>();
  /** By box, a page after the other. */
  const more = async () => {
    const after = all?.at(-1)?.box ?? undefined;
    const query = `limit=${pageSize}${after === undefined ? '' : `&after=${after}`}`;
    const page = await live.watch(call<Alert[]>('GET', `/v1/alerts/${rule.id}?${query}`));
    setAll([...(all ?? []), ...page]);
  };
  const shown = (all ?? alerts).filter(({ state }) => state === 'firing');
  const post = async (path: string, body: object) => {
    await live.watch(call('POST', path, { body }));
    cancel();
    setAll(undefined);
    again();
  };
  const counts = [acknowledged > 0 && words.seen(acknowledged), silenced > 0 && words.silenced(silenced)];
  return (
    <section class="panel alert-group" aria-labelledby={`rule-${rule.id}`}>
      <div class="alert-head">
        <h2 id={`rule-${rule.id}`}>
          <Mark tone={rule.severity}>{rule.name}</Mark>
        </h2>
        <span class="muted">{[words.firing(firing), ...counts].filter(Boolean).join(' · ')}</span>
        {mayAct && doing === undefined && (
          <span class="row-buttons">
            <button
              type="button"
              aria-label={words.acknowledgeNamed(rule.name)}
              onClick={() => setDoing('acknowledge')}
            >
              {words.acknowledge}
            </button>
            <button type="button" aria-label={words.silenceNamed(rule.name)} onClick={() => setDoing('silence')}>
              {words.silence}
            </button>
          </span>
        )}
      </div>
      {doing === 'acknowledge' && (
        <Form
          {...{
            id: `ack-${rule.id}`,
            legend: words.acknowledgeNamed(rule.name),
            label: words.note,
            never: true,
            cancel,
          }}
          {...{ lasting: words.again, act: words.acknowledge }}
          submit={(note, seconds) =>
            post('/v1/alerts/acknowledge', { rule: rule.id, note, ...(seconds > 0 && { forSeconds: seconds }) })
          }
        />
      )}
      {doing === 'silence' && (
        <Form
          {...{
            id: `silence-${rule.id}`,
            legend: words.silenceNamed(rule.name),
            label: words.reason,
            needed: true,
            cancel,
          }}
          {...{ lasting: words.lasting, act: words.silence }}
          submit={(reason, forSeconds) => post('/v1/silences', { rule: rule.id, reason, forSeconds })}
        />
      )}
      <ul class="alert-list">
        {shown.map((alert) => (
          <One
            key={alert.box ?? ''}
            alert={alert}
            acknowledge={
              mayAct ? () => post('/v1/alerts/acknowledge', { rule: rule.id, box: alert.box, note: '' }) : undefined
            }
          />
        ))}
      </ul>
      {error !== undefined && <Failure error={error} />}
      {firing > shown.length && (
        <p>
          <button type="button" class="quiet" onClick={() => void more().catch(setError)}>
            {words.more(firing - shown.length)}
          </button>
        </p>
      )}
    </section>
  );
}
