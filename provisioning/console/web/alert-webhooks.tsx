import { useState } from 'preact/hooks';
import type { CreatedWebhook, Webhook } from '#contract/alerts.js';
import { call } from './api.js';
import { Asking } from './asking.js';
import type { Live } from './live.js';
import { Failure, Mark, useAsked } from './parts.js';
import { SecretOnce } from './secret-once.js';
import { texts } from './texts.js';

const words = texts.alerts;

function Row(props: { hook: Webhook; live: Live; again: () => void }) {
  const { hook, live, again } = props;
  const { id, name, url, failing, waiting, givenUp } = hook;
  const [told, setTold] = useState<'taken'>();
  const [error, setError] = useState<unknown>();
  const test = () => {
    setTold(undefined);
    setError(undefined);
    live.watch(call('POST', `/v1/webhooks/${id}/test`)).then(() => setTold('taken'), setError);
  };
  return (
    <li>
      <strong>{name}</strong>
      <code>{url}</code>
      <span>
        {failing ? (
          <Mark tone="trouble">{words.failing(failing.why)}</Mark>
        ) : (
          <Mark tone="good">{waiting > 0 ? words.waiting(waiting) : words.fine}</Mark>
        )}
        {givenUp > 0 && <Mark tone="attention">{words.givenUp(givenUp)}</Mark>}
      </span>
      <span class="row-buttons">
        <button type="button" class="quiet act" aria-label={words.testNamed(name)} onClick={test}>
          {words.test}
        </button>
        <Asking
          words={{
            ...{ act: words.remove, named: words.removeNamed(name), ask: words.removeNamed(name) },
            ...{ yes: words.removeAsk, no: words.cancel },
          }}
          act={async () => {
            await live.watch(call('DELETE', `/v1/webhooks/${id}`));
            again();
          }}
        />
      </span>
      {told && <span role="status">{words.tested}</span>}
      {error !== undefined && <Failure error={error} />}
    </li>
  );
}

export function Webhooks({ live }: { live: Live }) {
  const asked = useAsked('webhooks', () => live.watch(call<Webhook[]>('GET', '/v1/webhooks')));
  const [created, setCreated] = useState<CreatedWebhook>();
  const [error, setError] = useState<unknown>();
  const { value: hooks, again } = asked;

  async function add(event: SubmitEvent & { currentTarget: HTMLFormElement }): Promise<void> {
    event.preventDefault();
    const form = event.currentTarget;
    const given = new FormData(form);
    setError(undefined);
    try {
      const body = { name: String(given.get('name')).trim(), url: String(given.get('url')).trim() };
      setCreated(await live.watch(call<CreatedWebhook>('POST', '/v1/webhooks', { body })));
      form.reset();
      again();
    } catch (refused) {
      setError(refused);
    }
  }
  return (
    <>
      <h2>{words.webhooks}</h2>
      {hooks?.length === 0 && <p class="muted">{words.noWebhook}</p>}
      {hooks && hooks.length > 0 && (
        <ul class="rows panel">
          {hooks.map((hook) => (
            <Row key={hook.id} hook={hook} live={live} again={again} />
          ))}
        </ul>
      )}
      {created && (
        <SecretOnce
          {...{ title: created.name, once: words.secretOnce, secret: created.secret, hide: words.hide }}
          done={() => setCreated(undefined)}
        />
      )}
      <form class="panel create" aria-label={words.addWebhook} onSubmit={(event) => void add(event)}>
        {error !== undefined && <Failure error={error} />}
        <div class="fields">
          <div>
            <label for="hook-name">{words.name}</label>
            <input id="hook-name" name="name" type="text" maxLength={100} autocomplete="off" />
          </div>
          <div>
            <label for="hook-url">{words.url}</label>
            <input id="hook-url" name="url" type="url" maxLength={2000} autocomplete="off" placeholder="https://" />
          </div>
          <button type="submit">{words.addWebhook}</button>
        </div>
      </form>
    </>
  );
}
