import { useState } from 'preact/hooks';
import type { OwnerView } from '#contract/owner.js';
import { Choose } from './choose.js';
import type { Live, State } from './live.js';
import { Failure, Submit, Title, useForm } from './parts.js';
import { Place } from './place.js';
import { Progress } from './progress.js';
import { Recovery } from './recovery.js';
import { texts } from './texts.js';

function Done({ live, state, view }: { live: Live; state: State; view: OwnerView }) {
  const form = useForm(async () => {
    await live.act('POST', '/v1/setup/done');
    return undefined;
  });
  const territory = view.membership.current.territory;
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Failure error={form.error} />
      <Title>{view.status.link.online ? texts.done.title : texts.done.connecting}</Title>
      <p role="status">{!view.status.link.online && texts.done.connectingLead}</p>
      {territory && (
        <p>
          {texts.done.lead(territory.provider ?? territory.name)} {texts.done.law}: {territory.law}.
        </p>
      )}
      <p>{texts.done.from}</p>
      <p class="big">{state.known?.address}</p>
      <Submit isWorking={form.isWorking}>{texts.done.submit}</Submit>
    </form>
  );
}

/** The box says which page it is; only going back to an answered one is this page's own affair. */
export function Setup({ live, state, view }: { live: Live; state: State; view: OwnerView }) {
  const [isPlaceAsked, askPlace] = useState(false);
  if (state.recoveryCode !== undefined || view.setup === 'recovery')
    return <Recovery live={live} code={state.recoveryCode} />;
  if (view.setup === 'jurisdiction' || (isPlaceAsked && view.setup === 'election'))
    return <Place live={live} own={view.settings.ownJurisdiction} done={() => askPlace(false)} />;
  if (view.setup === 'election')
    return <Choose live={live} view={view} act="election" askPlace={() => askPlace(true)} />;
  if (view.setup === 'progress') return <Progress live={live} view={view} act="election" />;
  return <Done live={live} state={state} view={view} />;
}
