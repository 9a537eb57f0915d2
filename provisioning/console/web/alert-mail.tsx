/** Alerts by e-mail: through which server and to whom, how it goes, and the form that sets it. */
import { useState } from 'preact/hooks';
import type { AlertMail, AlertMailView, NewAlertMail } from '#contract/alert-mail.js';
import { call } from './api.js';
import { Asking } from './asking.js';
import { hintOf, Labelled } from './fields.js';
import type { Live } from './live.js';
import { Failure, Mark, Skeleton, useAsked, When } from './parts.js';
import { texts } from './texts.js';
import { mailTexts as words } from './texts-mail.js';

const text = (given: FormData, name: string): string => String(given.get(name) ?? '').trim();

function wishOf(given: FormData): NewAlertMail {
  const [user, password] = [text(given, 'user'), text(given, 'password')];
  return {
    ...{ host: text(given, 'host'), port: Number(text(given, 'port')), from: text(given, 'from') },
    security: text(given, 'security') as NewAlertMail['security'],
    to: text(given, 'to')
      .split(/[\s,;]+/)
      .filter(Boolean),
    everySeconds: Number(text(given, 'every')),
    ...(user && { user }),
    ...(password && { password }),
  };
}

function Field(props: { name: string; label: string; hint?: string; isSecret?: boolean; value: string | number }) {
  const { name, label, hint, isSecret, value } = props;
  const about = { id: `mail-${name}`, label, hint };
  const rest = {
    ...{ id: about.id, name, autocomplete: 'off', defaultValue: String(value) },
    'aria-describedby': hintOf(about),
  } as const;
  return (
    <Labelled {...about}>{isSecret ? <input {...rest} type="password" /> : <input {...rest} type="text" />}</Labelled>
  );
}

function Form(props: { mail: AlertMail | null; save: (wish: NewAlertMail) => Promise<void>; cancel: () => void }) {
  const { mail, save, cancel } = props;
  const [error, setError] = useState<unknown>();
  return (
    <form
      class="panel rule-form"
      aria-label={words.form}
      onSubmit={(event) => {
        event.preventDefault();
        const { ca } = mail ?? {};
        save({ ...wishOf(new FormData(event.currentTarget)), ...(ca !== undefined && { ca }) }).catch(setError);
      }}
      noValidate
    >
      {error !== undefined && <Failure error={error} />}
      <Field name="host" label={words.host} value={mail?.host ?? ''} />
      <Field name="port" label={words.port} value={mail?.port ?? 587} />
      <div>
        <label for="mail-security">{words.security}</label>
        <select id="mail-security" name="security" defaultValue={mail?.security ?? 'starttls'}>
          {Object.entries(words.securities).map(([value, name]) => (
            <option key={value} value={value} selected={value === (mail?.security ?? 'starttls')}>
              {name}
            </option>
          ))}
        </select>
      </div>
      <Field name="user" label={words.user} value={mail?.user ?? ''} />
      <Field
        {...{ name: 'password', label: words.password, isSecret: true, value: '' }}
        {...(mail?.hasPassword && { hint: words.passwordKept })}
      />
      <Field name="from" label={words.from} value={mail?.from ?? ''} />
      <Field name="to" label={words.to} hint={words.toHint} value={mail?.to.join(', ') ?? ''} />
      <Field name="every" label={words.every} hint={words.everyHint} value={mail?.everySeconds ?? 300} />
      <div class="acts">
        <button type="submit" class="main">
          {texts.alerts.save}
        </button>
        <button type="button" onClick={cancel}>
          {texts.alerts.cancel}
        </button>
      </div>
    </form>
  );
}

function Row(props: { mail: AlertMail; edit: () => void; test: () => Promise<void>; remove: () => Promise<void> }) {
  const { mail, edit, test, remove } = props;
  const [isTaken, setTaken] = useState(false);
  const [error, setError] = useState<unknown>();
  return (
    <ul class="rows panel">
      <li>
        <strong>{mail.to.join(', ')}</strong>
        <span class="muted">{words.through(mail.host, mail.port, mail.everySeconds)}</span>
        <span>
          {mail.failing ? (
            <Mark tone="trouble">{texts.alerts.failing(mail.failing.why)}</Mark>
          ) : (
            <Mark tone="good">{mail.waiting > 0 ? words.waiting(mail.waiting) : texts.alerts.fine}</Mark>
          )}{' '}
          {mail.lastAt !== null && (
            <span class="muted">
              {words.last} <When at={mail.lastAt} />
            </span>
          )}
          {mail.givenUp > 0 && <Mark tone="attention">{texts.alerts.givenUp(mail.givenUp)}</Mark>}
        </span>
        <span class="row-buttons">
          <button
            type="button"
            class="quiet act"
            aria-label={words.test}
            onClick={() => {
              setTaken(false);
              setError(undefined);
              test().then(() => setTaken(true), setError);
            }}
          >
            {texts.alerts.test}
          </button>
          <button type="button" class="quiet act" aria-label={words.editNamed} onClick={edit}>
            {texts.alerts.edit}
          </button>
          <Asking
            words={{
              ...{ act: texts.alerts.remove, named: words.removeNamed, ask: words.removeAsk },
              ...{ yes: texts.alerts.removeAsk, no: texts.alerts.cancel },
            }}
            act={remove}
          />
        </span>
        {isTaken && <span role="status">{words.tested}</span>}
        {error !== undefined && <Failure error={error} />}
      </li>
    </ul>
  );
}

export function Mail({ live }: { live: Live }) {
  const path = '/v1/alert-mail';
  const asked = useAsked('mail', (signal) => live.watch(call<AlertMailView>('GET', path, { signal })));
  const [isEditing, setEditing] = useState(false);
  const { value, again } = asked;
  const act = async (method: 'PUT' | 'DELETE', body?: NewAlertMail) => {
    await live.watch(call(method, path, { body }));
    setEditing(false);
    again();
  };
  return (
    <>
      <h2>{words.heading}</h2>
      {asked.error !== undefined && live.state.reachable && <Failure error={asked.error} />}
      {!value && asked.error === undefined && <Skeleton lines={1} />}
      {value?.mail && !isEditing && (
        <Row
          mail={value.mail}
          edit={() => setEditing(true)}
          test={() => live.watch(call('POST', `${path}/test`))}
          remove={() => act('DELETE')}
        />
      )}
      {value?.mail === null && !isEditing && (
        <div class="panel">
          <p class="muted">{words.none}</p>
          <div class="acts">
            <button type="button" onClick={() => setEditing(true)}>
              {words.set}
            </button>
          </div>
        </div>
      )}
      {value && isEditing && (
        <Form mail={value.mail} save={(wish) => act('PUT', wish)} cancel={() => setEditing(false)} />
      )}
    </>
  );
}
