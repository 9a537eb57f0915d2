import { useState } from 'preact/hooks';
import type { RecoveryCode } from '#contract/owner.js';
import type { Live } from './live.js';
import { Failure, Mark, Passphrase, Submit, Summary, Title, useForm } from './parts.js';
import { Link } from './route.js';
import { leastCharacters, strengthOf } from './strength.js';
import { texts } from './texts.js';

const words = texts.passphrase;

export function faultOf(passphrase: string): string | undefined {
  const strength = strengthOf(passphrase);
  if (strength === 'short') return words.tooShort;
  return strength === 'weak' ? words.tooWeak : undefined;
}

/** Its length and strength are said while it is typed. */
export function NewPassphrase(props: {
  label: string;
  value: string;
  set: (value: string) => void;
  fault?: string | undefined;
}) {
  const { value, label, set, fault } = props;
  const strength = strengthOf(value);
  const left = leastCharacters - [...value].length;
  const tone = strength === 'good' ? 'good' : strength === 'fair' ? 'attention' : 'unknown';
  return (
    <div>
      <Passphrase id="new-passphrase" label={label} hint={words.hint} fault={fault} value={value} set={set} isNew />
      <p class="strength" role="status">
        {value !== '' && (
          <Mark tone={strength === 'weak' ? 'trouble' : tone}>
            {strength === 'short' ? words.short(left) : words.strength[strength]}
          </Mark>
        )}
      </p>
    </div>
  );
}

export function SetupPassphrase({ live }: { live: Live }) {
  const [passphrase, setPassphrase] = useState('');
  const form = useForm(async () => {
    const fault = faultOf(passphrase);
    if (fault) return fault;
    const { recoveryCode } = await live.act<RecoveryCode>('POST', '/v1/setup/owner', { passphrase });
    live.keep(recoveryCode);
    return undefined;
  });
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field="new-passphrase" />
      <Failure error={form.error} />
      <Title>{words.title}</Title>
      <p>{words.lead}</p>
      <NewPassphrase label={words.label} value={passphrase} set={setPassphrase} fault={form.fault} />
      <Submit isWorking={form.isWorking}>{words.submit}</Submit>
      <p>
        <Link to="/restore">{texts.backup.setup}</Link>
      </p>
    </form>
  );
}
