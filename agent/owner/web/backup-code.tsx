/** The backup code, shown once. */
import { useState } from 'preact/hooks';
import { Field, Submit, Summary, Title, useForm } from './parts.js';
import { texts } from './texts.js';

const words = texts.backup.code;
const plain = (text: string): string => text.toUpperCase().replace(/[^0-9A-Z]/g, '');

export function BackupCodeShown({ code, done }: { code: string; done: () => void }) {
  const [typed, setTyped] = useState('');
  const [copying, setCopying] = useState<'no' | 'yes' | 'failed'>('no');
  const form = useForm(async () => {
    if (plain(typed) !== plain(code).slice(-5)) return words.wrong;
    done();
    return undefined;
  });
  const copy = (): void => {
    // As for the recovery code: without encryption a browser gives no clipboard.
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
      <Title>{words.show}</Title>
      <p>{words.none}</p>
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
        maxLength={10}
      />
      <Submit isWorking={form.isWorking}>{words.done}</Submit>
    </form>
  );
}
