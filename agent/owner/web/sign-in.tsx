import { useState } from 'preact/hooks';
import type { Live, State } from './live.js';
import { Failure, Passphrase, Submit, Summary, Title, useForm } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';

const words = texts.signIn;

export function SignIn({ live, state }: { live: Live; state: State }) {
  const [passphrase, setPassphrase] = useState('');
  const form = useForm(async () => {
    if (passphrase === '') return words.empty;
    await live.act('POST', '/v1/session', { passphrase });
    return undefined;
  });
  const seconds = state.known?.waitSeconds ?? 0;
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field="passphrase" />
      <Failure error={form.error} />
      <Title>{words.title(state.known?.name ?? texts.product)}</Title>
      {state.ended && form.error === undefined && (
        <p class="notice unknown" role="status">
          {words.ended}
        </p>
      )}
      <Passphrase id="passphrase" label={words.label} fault={form.fault} value={passphrase} set={setPassphrase} />
      {form.isWorking && seconds > 1 && <p role="status">{texts.code.waiting(seconds)}</p>}
      <Submit isWorking={form.isWorking} working={words.working}>
        {words.submit}
      </Submit>
      <p>
        <Link to="/forgotten">{words.forgotten}</Link>
      </p>
    </form>
  );
}
