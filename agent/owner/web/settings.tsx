import { useState } from 'preact/hooks';
import type { HomeProps } from './home.js';
import { Failure, Mark, Passphrase, Submit, Summary, Title, useForm } from './parts.js';
import { Recovery } from './recovery.js';
import { Link } from './route.js';
import { faultOf, NewPassphrase } from './setup-passphrase.js';
import { texts } from './texts.js';

const words = texts.settings;

export function Settings({ live, state, view }: HomeProps) {
  const form = useForm(async () => {
    await live.act('PUT', '/v1/settings/forgotten', { allowed: !view.forgottenAllowed });
    return undefined;
  });
  return (
    <div class="page">
      <Title>{words.title}</Title>
      <ul class="choices">
        <li>
          <Link to="/passphrase">{words.passphrase}</Link>
        </li>
        <li>
          <Link to="/recovery-code">{words.recovery}</Link>
        </li>
        <li>
          <Link to="/secure">{words.secure}</Link>
        </li>
        {view.provider && view.membership.current.territory && (
          <li>
            <Link to="/provider">{texts.provider.link}</Link>
          </li>
        )}
        {state.known && state.known.wifi !== 'none' && (
          <li>
            <Link to="/network">{texts.network.link}</Link>
          </li>
        )}
        {view.backup && (
          <li>
            <Link to="/backup">{texts.backup.link}</Link>
          </li>
        )}
        {view.system && (
          <li>
            <Link to="/system">{texts.system.link}</Link>
          </li>
        )}
        {view.volume && (
          <li>
            <Link to="/storage">{texts.storage.link}</Link>
          </li>
        )}
        <li>
          <Link to="/move">{words.move}</Link>
        </li>
        <li>
          <Link to="/leave">{words.leave}</Link>
        </li>
      </ul>
      <section class="panel" aria-labelledby="forgotten">
        <h2 id="forgotten">{words.forgotten}</h2>
        <Failure error={form.error} />
        <label class="check" for="forgotten-allowed">
          <input
            id="forgotten-allowed"
            type="checkbox"
            checked={view.forgottenAllowed}
            aria-describedby="forgotten-hint"
            onChange={(event) => form.submit(event)}
          />
          <span>{words.forgottenLabel}</span>
        </label>
        <p class="hint" id="forgotten-hint">
          {words.forgottenHint}
        </p>
      </section>
    </div>
  );
}

export function ChangePassphrase({ live }: HomeProps) {
  const [current, setCurrent] = useState('');
  const [passphrase, setPassphrase] = useState('');
  const [isSaved, setSaved] = useState(false);
  const form = useForm(async () => {
    setSaved(false);
    if (current === '') return words.empty;
    const fault = faultOf(passphrase);
    if (fault) return fault;
    await live.act('PUT', '/v1/passphrase', { current, passphrase });
    setCurrent('');
    setPassphrase('');
    setSaved(true);
    return undefined;
  });
  const isCurrentMissing = form.fault === words.empty;
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field={isCurrentMissing ? 'current' : 'new-passphrase'} />
      <Failure error={form.error} />
      <Title>{`${words.passphrase}.`}</Title>
      <p role="status">{isSaved && <Mark tone="good">{words.saved}</Mark>}</p>
      <Passphrase
        id="current"
        label={words.current}
        fault={isCurrentMissing ? form.fault : undefined}
        value={current}
        set={setCurrent}
      />
      <NewPassphrase
        label={words.next}
        value={passphrase}
        set={setPassphrase}
        fault={isCurrentMissing ? undefined : form.fault}
      />
      <Submit isWorking={form.isWorking}>{words.save}</Submit>
    </form>
  );
}

export const NewRecoveryCode = ({ live, state }: HomeProps) => <Recovery live={live} code={state.recoveryCode} />;
