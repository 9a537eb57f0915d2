/** The page about the storage: whether it is encrypted, why not, and its key until the owner has it. */
import { useState } from 'preact/hooks';
import type { ShownStorageKey, VolumeGlance } from '#contract/volume.js';
import type { HomeProps } from './home.js';
import type { Live } from './live.js';
import { Details, Failure, Mark, Title, useForm } from './parts.js';
import { ShownCode } from './shown-code.js';
import { texts } from './texts.js';

const words = texts.storage;

const Noted = ({ live, shown }: { live: Live; shown: string }) => (
  <ShownCode
    code={shown}
    say={words.key}
    maxLength={40}
    noted={async (last) => {
      if (last.trim() === '') return words.key.empty;
      await live.act('POST', '/v1/storage-key/noted', { last });
      return undefined;
    }}
  />
);

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
