import { useState } from 'preact/hooks';
import type { AppsView } from '#contract/owner.js';
import { SaveData, useApp } from './app-page.js';
import type { HomeProps } from './home.js';
import { Failure, Field, Submit, Summary, Title, useForm } from './parts.js';
import { Link, turnTo } from './route.js';
import { texts } from './texts.js';
import { nameOf } from './words-of.js';

const words = texts.apps.remove;

/** It cannot be undone: what will be lost is said first, and the app's own id is typed. */
export function AppRemove({ live, view, id }: HomeProps & { view: { apps: AppsView }; id: string }) {
  const { app, instead } = useApp(id, view.apps.version);
  const [typed, setTyped] = useState('');
  const form = useForm(async () => {
    if (typed.trim() !== id) return words.mismatch(id);
    const { change } = await live.act<{ change: string }>('DELETE', `/v1/apps/${id}`, { word: typed });
    turnTo(`/changes/${change}/${id}`);
    return undefined;
  });
  if (!app) return instead;
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field="word" />
      <Failure error={form.error} />
      <Title>{words.title(nameOf(app.manifest.name))}</Title>
      <section class="notice trouble">
        <h2>{words.loses}</h2>
        <ul class="bullets">
          {[words.data(app.usedBytes), ...words.more].map((loss) => (
            <li key={loss}>{loss}</li>
          ))}
        </ul>
      </section>
      <p>{words.exportFirst}</p>
      <p>
        <SaveData id={id} button />
      </p>
      <p>{words.stays}</p>
      <Field id="word" label={words.type(id)} fault={form.fault} value={typed} set={setTyped} maxLength={100} />
      <div class="acts">
        <Submit isWorking={form.isWorking} dangerous>
          {words.submit}
        </Submit>
        <Link to={`/apps/${id}`} class="button">
          {words.no}
        </Link>
      </div>
    </form>
  );
}
