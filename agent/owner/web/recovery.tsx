import { useState } from 'preact/hooks';
import type { RecoveryCode } from '#contract/owner.js';
import type { Live } from './live.js';
import { Failure, Field, Passphrase, Submit, Summary, Title, useForm } from './parts.js';
import { turnTo } from './route.js';
import { texts } from './texts.js';

const words = texts.recovery;
const plain = (text: string): string => text.toUpperCase().replace(/[^0-9A-Z]/g, '');

function Shown({ live, code }: { live: Live; code: string }) {
  const [typed, setTyped] = useState('');
  const [copying, setCopying] = useState<'no' | 'yes' | 'failed'>('no');
  const form = useForm(async () => {
    if (plain(typed) !== plain(code).slice(-4)) return words.wrong;
    await live.act('POST', '/v1/recovery-code/saved');
    live.keep(undefined);
    turnTo('/');
    return undefined;
  });
  const copy = (): void => {
    // Without encryption a browser gives no clipboard: then it is selected, to be copied by hand.
    const copied = navigator.clipboard?.writeText(code) ?? Promise.reject(new Error('no clipboard'));
    copied.then(
      () => setCopying('yes'),
      () => {
        const place = document.querySelector('[data-code]');
        if (place) getSelection()?.selectAllChildren(place);
        setCopying('failed');
      },
    );
  };
  const says = { no: words.copy, yes: words.copied, failed: words.copyFailed };
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field="last" />
      <Failure error={form.error} />
      <Title>{words.title}</Title>
      <p>{words.lead}</p>
      <p class="big" data-code>
        {code}
      </p>
      <div class="acts">
        <button type="button" onClick={copy}>
          <span role="status">{says[copying]}</span>
        </button>
        <button type="button" onClick={() => print()}>
          {words.print}
        </button>
      </div>
      <p>{words.keep}</p>
      <Field
        id="last"
        label={words.label}
        hint={words.hint}
        fault={form.fault}
        value={typed}
        set={setTyped}
        autocomplete="off"
        maxLength={10}
        class="short codes"
      />
      <Submit isWorking={form.isWorking}>{words.submit}</Submit>
    </form>
  );
}

/** Also for who left before it was written down: a new one, and the one before stops working. */
function Lost({ live }: { live: Live }) {
  const [passphrase, setPassphrase] = useState('');
  const form = useForm(async () => {
    if (passphrase === '') return words.empty;
    const { recoveryCode } = await live.act<RecoveryCode>('POST', '/v1/recovery-code', { passphrase });
    live.keep(recoveryCode);
    return undefined;
  });
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field="passphrase" />
      <Failure error={form.error} />
      <Title>{words.lostTitle}</Title>
      <p>{words.lost}</p>
      <Passphrase id="passphrase" label={words.passphrase} fault={form.fault} value={passphrase} set={setPassphrase} />
      <Submit isWorking={form.isWorking}>{words.make}</Submit>
    </form>
  );
}

export const Recovery = ({ live, code }: { live: Live; code: string | undefined }) =>
  code === undefined ? <Lost live={live} /> : <Shown live={live} code={code} />;
