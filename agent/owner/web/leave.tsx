import { useState } from 'preact/hooks';
import { Export } from './history.js';
import type { HomeProps } from './home.js';
import { Failure, Field, Submit, Summary, Title, useForm } from './parts.js';
import { texts } from './texts.js';

const words = texts.leave;
type Act = keyof typeof words.acts;
const acts: readonly Act[] = ['hand-over', 'reset'];

/** It cannot be undone: it says what will be lost, offers the export first, and wants a typed word. */
export function Leave({ live }: HomeProps) {
  const [act, choose] = useState<Act>();
  const [typed, setTyped] = useState('');
  const [isGone, setGone] = useState(false);
  const form = useForm(async () => {
    if (!act) return words.missing;
    if (typed.trim().toLowerCase() !== act) return words.mismatch(act);
    await live.act('POST', '/v1/leave', { act, word: typed });
    setGone(true);
    return undefined;
  });
  if (isGone)
    return (
      <div class="page" role="status">
        <Title>{words.gone}</Title>
        <p>{words.goneLead}</p>
      </div>
    );
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field={act ? 'word' : 'act-hand-over'} />
      <Failure error={form.error} />
      <Title>{words.title}</Title>
      <fieldset class="options">
        <legend>{words.which}</legend>
        {acts.map((one) => (
          <label key={one}>
            <input type="radio" name="act" id={`act-${one}`} checked={act === one} onChange={() => choose(one)} />
            <span>
              {words.acts[one].name} <small class="muted">{words.acts[one].what}</small>
            </span>
          </label>
        ))}
      </fieldset>
      {act && (
        <>
          <section class="notice trouble">
            <h2>{words.loses}</h2>
            <ul class="bullets">
              {words.acts[act].loses.map((loss) => (
                <li key={loss}>{loss}</li>
              ))}
            </ul>
          </section>
          <Export />
          <Field
            id="word"
            label={words.type(act)}
            fault={form.fault}
            value={typed}
            set={setTyped}
            autocomplete="off"
            maxLength={40}
            class="short"
          />
          <Submit isWorking={form.isWorking} dangerous>
            {words.acts[act].confirm}
          </Submit>
        </>
      )}
    </form>
  );
}
