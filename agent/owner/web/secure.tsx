import type { OwnerState } from '#contract/owner.js';
import type { HomeProps } from './home.js';
import { Failure, Submit, Title, useForm } from './parts.js';
import { texts } from './texts.js';

const words = texts.secure;

const Download = () => (
  <a class="button" href="/ca.crt" download>
    {words.download}
  </a>
);

export function Secure({ live, state, view }: HomeProps) {
  const isOnly = view.settings.httpsOnly;
  const form = useForm(async () => {
    await live.act('PUT', '/v1/settings/https-only', { only: !isOnly });
    return undefined;
  });
  if (!view.https) return <Title>{words.not}</Title>;
  const { address, fingerprint } = view.https;
  return (
    <div class="page">
      <Title>{words.title}</Title>
      <p>{words.lead}</p>
      <p>{words.scope(new URL(address).hostname)}</p>
      <ol class="numbered">
        {words.steps.map((step) => (
          <li key={step}>{step}</li>
        ))}
      </ol>
      <div class="acts">
        <Download />
        <a class="button" href={address}>
          {words.open}
        </a>
      </div>
      <h2>{words.fingerprint}</h2>
      <p>
        <code>{fingerprint}</code>
      </p>
      <form class="panel" onSubmit={form.submit}>
        <h2>{words.only}</h2>
        <Failure error={form.error} />
        {state.known?.secure || isOnly ? (
          <>
            <p>{words.onlyHint}</p>
            <Submit isWorking={form.isWorking}>{isOnly ? words.turnOff : words.turnOn}</Submit>
          </>
        ) : (
          <p>{words.onlyFirst}</p>
        )}
      </form>
    </div>
  );
}

/** All that is said over plain http when the owner wants https only. */
export const HttpsNeeded = ({ known }: { known: OwnerState }) => (
  <div class="page">
    <Title>{words.needed}</Title>
    <p>{words.neededLead}</p>
    <div class="acts">
      {known.httpsAddress && (
        <a class="button main" href={known.httpsAddress}>
          {words.open}
        </a>
      )}
      <Download />
    </div>
  </div>
);
