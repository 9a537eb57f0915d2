/** What this month has come to, and the limit that the owner sets for it. */
import { useState } from 'preact/hooks';
import type { UsageView } from '#contract/metering.js';
import type { Live } from './live.js';
import { Failure, Field, Submit, useForm } from './parts.js';
import { texts } from './texts.js';

const words = texts.terms.usage;
/** As the box takes it. */
const amount = /^(?:0|[1-9]\d{0,11})(?:\.\d{1,6})?$/;

function Cap(props: { live: Live; app: string; usage: UsageView; currency: string; done: () => void }) {
  const { live, app, usage, currency, done } = props;
  const [typed, setTyped] = useState(usage.cap ?? '');
  const form = useForm(async () => {
    const wish = typed.trim().replace(',', '.');
    if (wish !== '' && !amount.test(wish)) return words.wrong;
    await live.act('PUT', `/v1/agreements/${app}/cap`, { amount: wish === '' ? null : wish });
    done();
    return undefined;
  });
  return (
    <form onSubmit={form.submit} noValidate>
      <Failure error={form.error} />
      <Field
        id="cap"
        label={words.label(currency)}
        hint={words.hint}
        fault={form.fault}
        value={typed}
        set={setTyped}
        maxLength={20}
      />
      <div class="acts">
        <Submit isWorking={form.isWorking}>{words.submit}</Submit>
      </div>
    </form>
  );
}

export function Usage({ live, app, usage, again }: { live: Live; app: string; usage: UsageView; again: () => void }) {
  const [isOpen, open] = useState(false);
  const { cost, cap, sums } = usage;
  if (!cost) return null;
  return (
    <>
      <p>
        <strong>{words.cost(cost.amount, cost.currency)}</strong>{' '}
        {cap === null ? words.noCap : words.cap(cap, cost.currency)}
      </p>
      {sums.length > 0 && (
        <ul class="bullets">
          {sums.map(({ unit, quantity, trial }) => (
            <li key={unit}>{words.sum(quantity, unit, trial)}</li>
          ))}
        </ul>
      )}
      {isOpen ? (
        <Cap
          live={live}
          app={app}
          usage={usage}
          currency={cost.currency}
          done={() => {
            open(false);
            again();
          }}
        />
      ) : (
        <p>
          <button type="button" onClick={() => open(true)}>
            {cap === null ? words.set : words.change}
          </button>
        </p>
      )}
    </>
  );
}
