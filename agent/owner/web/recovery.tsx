import { useState } from 'preact/hooks';
import type { RecoveryCode } from '#contract/owner.js';
import type { Live } from './live.js';
import { Failure, Passphrase, Submit, Summary, Title, useForm } from './parts.js';
import { turnTo } from './route.js';
import { isEnd, ShownCode } from './shown-code.js';
import { texts } from './texts.js';

const words = texts.recovery;
const Shown = ({ live, code }: { live: Live; code: string }) => (
  <ShownCode
    code={code}
    say={words}
    noted={async (typed) => {
      if (!isEnd(typed, code, 4)) return words.wrong;
      await live.act('POST', '/v1/recovery-code/saved');
      live.keep(undefined);
      turnTo('/');
      return undefined;
    }}
  >
    <Title>{words.title}</Title>
    <p>{words.lead}</p>
  </ShownCode>
);

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
