import { useState } from 'preact/hooks';
import { call } from './api.js';
import type { Live } from './live.js';
import { Failure } from './parts.js';
import { texts } from './texts.js';

/** The way back for a device that was found again: it enrols as a new box. */
export function Reinstate(props: { id: string; live: Live; done: () => void }) {
  const words = texts.reinstate;
  const [error, setError] = useState<unknown>();

  async function reinstate(): Promise<void> {
    try {
      await props.live.watch(call('POST', `/v1/boxes/${props.id}/reinstate`));
      props.done();
    } catch (refused) {
      setError(refused);
    }
  }

  return (
    <section class="danger panel" aria-labelledby="reinstate-heading">
      <h2 id="reinstate-heading">{words.heading}</h2>
      <p>{words.lead}</p>
      {error !== undefined && <Failure error={error} />}
      <button type="button" onClick={() => void reinstate()}>
        {words.act}
      </button>
    </section>
  );
}
