import { useEffect, useState } from 'preact/hooks';
import type { Live, State } from './live.js';
import { Failure, Field, Submit, Summary, Title, useForm } from './parts.js';
import { texts } from './texts.js';

const words = texts.code;

/** The label's QR code brings it after the hash, which no server sees. */
function codeInAddress(): string {
  const code = /^#code=([^&]{1,100})$/.exec(location.hash)?.[1];
  if (code === undefined) return '';
  history.replaceState(null, '', location.pathname);
  try {
    return decodeURIComponent(code);
  } catch {
    return '';
  }
}

export function SetupCode({ live, state }: { live: Live; state: State }) {
  const [code, setCode] = useState(codeInAddress);
  useEffect(() => {
    const read = () => setCode((before) => codeInAddress() || before);
    addEventListener('hashchange', read);
    return () => removeEventListener('hashchange', read);
  }, []);
  const form = useForm(async () => {
    if (code.trim() === '') return words.empty;
    await live.act('POST', '/v1/setup/session', { code: code.trim() });
    return undefined;
  });
  const seconds = state.known?.waitSeconds ?? 0;
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field="code" />
      <Failure error={form.error} />
      <Title>{words.title}</Title>
      <p>{words.lead}</p>
      <Field
        id="code"
        label={words.label}
        hint={words.hint}
        fault={form.fault}
        value={code}
        set={setCode}
        autocomplete="off"
        maxLength={100}
        class="codes"
      />
      {form.isWorking && seconds > 1 && <p role="status">{words.waiting(seconds)}</p>}
      <Submit isWorking={form.isWorking}>{words.submit}</Submit>
    </form>
  );
}
