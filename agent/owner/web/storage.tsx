/** The page about the storage: whether it is encrypted, why not, and its key until the owner has it. */
import { useState } from 'preact/hooks';
import type { ShownStorageKey, VolumeGlance } from '#contract/volume.js';
import type { HomeProps } from './home.js';
import type { Live } from './live.js';
import { Details, Failure, Field, Mark, Submit, Summary, Title, useForm } from './parts.js';
import { texts } from './texts.js';

const words = texts.storage;

function Noted({ live, shown }: { live: Live; shown: string }) {
  const [last, setLast] = useState('');
  const form = useForm(async () => {
    if (last.trim() === '') return words.key.empty;
    await live.act('POST', '/v1/storage-key/noted', { last });
    return undefined;
  });
  return (
    <form class="page" onSubmit={form.submit} noValidate>
      <Summary fault={form.fault} field="last" />
      <Failure error={form.error} />
      <p class="big" data-code>
        {shown}
      </p>
      <div class="acts">
        <button type="button" onClick={() => print()}>
          {words.key.print}
        </button>
      </div>
      <p>{words.key.keep}</p>
      <Field
        id="last"
        label={words.key.label}
        hint={words.key.hint}
        fault={form.fault}
        value={last}
        set={setLast}
        autocomplete="off"
        maxLength={40}
        class="short codes"
      />
      <Submit isWorking={form.isWorking}>{words.key.submit}</Submit>
    </form>
  );
}

function Key({ live, waits }: { live: Live; waits: boolean }) {
  const [shown, setShown] = useState<string>();
  const form = useForm(async () => {
    const { key } = await live.act<ShownStorageKey>('POST', '/v1/storage-key');
    setShown(key);
    return undefined;
  });
  return (
    <section class="panel" aria-labelledby="key">
      <h2 id="key">{words.key.section}</h2>
      {!waits && (
        <>
          <Mark tone="good">{words.key.gone}</Mark>
          <p>{words.key.use}</p>
        </>
      )}
      {waits && <p>{words.key.lead}</p>}
      {waits && shown !== undefined && <Noted live={live} shown={shown} />}
      {waits && shown === undefined && (
        <>
          <Failure error={form.error} />
          <button type="button" class="main" aria-disabled={form.isWorking} onClick={form.submit}>
            {form.isWorking ? texts.working : words.key.show}
          </button>
        </>
      )}
    </section>
  );
}

export function StoragePage({ live, volume: { state, keyWaits } }: HomeProps & { volume: VolumeGlance }) {
  const how = state.encrypted ? state.opened : 'plain';
  return (
    <div class="page wide">
      <Title>{words.title[how]}</Title>
      <p>{words.lead[how]}</p>
      {!state.encrypted && <p>{words.because[state.because]}</p>}
      {state.encrypted && <Key live={live} waits={keyWaits} />}
      <Details summary={words.what}>
        {state.encrypted && <p>{words.limits}</p>}
        <p>{words.bootPartition}</p>
      </Details>
    </div>
  );
}
