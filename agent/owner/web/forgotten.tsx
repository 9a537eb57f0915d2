import { useState } from 'preact/hooks';
import type { OwnerState, RecoveryCode } from '#contract/owner.js';
import type { Live } from './live.js';
import { Failure, Field, Mark, Submit, Summary, Title, useForm } from './parts.js';
import { Link, turnTo } from './route.js';
import { faultOf, NewPassphrase } from './setup-passphrase.js';
import { texts } from './texts.js';

const words = texts.forgotten;

/** A new passphrase by one of two codes; both end with a new recovery code, shown once. */
function Anew(props: {
  live: Live;
  path: string;
  field: 'recoveryCode' | 'code';
  label: string;
  hint: string;
  empty: string;
}) {
  const { live, path, field, label, hint, empty } = props;
  const [code, setCode] = useState('');
  const [passphrase, setPassphrase] = useState('');
  const [isCodeWrong, setCodeWrong] = useState(false);
  const form = useForm(async () => {
    setCodeWrong(code.trim() === '');
    if (code.trim() === '') return empty;
    const fault = faultOf(passphrase);
    if (fault) return fault;
    const { recoveryCode } = await live.act<RecoveryCode>('POST', path, { [field]: code.trim(), passphrase });
    live.keep(recoveryCode);
    turnTo('/');
    return undefined;
  });
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field={isCodeWrong ? 'known-code' : 'new-passphrase'} />
      <Failure error={form.error} />
      <Field
        id="known-code"
        label={label}
        hint={hint}
        fault={isCodeWrong ? form.fault : undefined}
        value={code}
        set={setCode}
        autocomplete="off"
        maxLength={100}
        class="codes"
      />
      <NewPassphrase
        label={texts.settings.next}
        value={passphrase}
        set={setPassphrase}
        fault={isCodeWrong ? undefined : form.fault}
      />
      <Submit isWorking={form.isWorking}>{words.submit}</Submit>
    </form>
  );
}

function ByLabel({ live, known }: { live: Live; known: OwnerState }) {
  if (known.forgotten === 'forbidden') return <p class="notice trouble">{words.forbidden}</p>;
  return (
    <>
      <p>{words.labelLead}</p>
      {known.forgotten === 'file-missing' ? (
        <>
          <ol class="numbered">
            {words.steps.map((step) => (
              <li key={step}>{step}</li>
            ))}
          </ol>
          <p role="status">
            <Mark tone="unknown">{words.missing}</Mark>
          </p>
        </>
      ) : (
        <>
          <p role="status">
            <Mark tone="good">{words.ready}</Mark>
          </p>
          <Anew
            live={live}
            path="/v1/session/forgotten"
            field="code"
            label={texts.code.label}
            hint={texts.code.hint}
            empty={words.emptyCode}
          />
        </>
      )}
    </>
  );
}

export function Forgotten({ live, known }: { live: Live; known: OwnerState }) {
  const [way, choose] = useState<'code' | 'label'>(known.forgotten === 'ready' ? 'label' : 'code');
  return (
    <div class="page">
      <p>
        <Link to="/">{texts.back}</Link>
      </p>
      <Title>{words.title}</Title>
      <fieldset class="options">
        <legend class="unseen">{words.title}</legend>
        <label>
          <input type="radio" name="way" checked={way === 'code'} onChange={() => choose('code')} />
          <span>{words.byCode}</span>
        </label>
        <label>
          <input type="radio" name="way" checked={way === 'label'} onChange={() => choose('label')} />
          <span>{words.byLabel}</span>
        </label>
      </fieldset>
      {way === 'code' ? (
        <Anew
          live={live}
          path="/v1/session/recovery"
          field="recoveryCode"
          label={words.recovery}
          hint={words.recoveryHint}
          empty={words.empty}
        />
      ) : (
        <ByLabel live={live} known={known} />
      )}
    </div>
  );
}
