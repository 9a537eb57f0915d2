import { useState } from 'preact/hooks';
import type { BoxSummary } from '#contract/operator.js';
import { call } from './api.js';
import type { Live } from './live.js';
import { may } from './may.js';
import { Failure, When } from './parts.js';
import { texts } from './texts.js';

/** Two machines report as this box: what that means, what to do, and the way to say that it is done. */
export function Cloned(props: { id: string; cloned: NonNullable<BoxSummary['cloned']>; live: Live; done: () => void }) {
  const words = texts.cloned;
  const [error, setError] = useState<unknown>();

  async function settle(): Promise<void> {
    try {
      await props.live.watch(call('POST', `/v1/boxes/${props.id}/settle`));
      props.done();
    } catch (refused) {
      setError(refused);
    }
  }

  return (
    <section class="danger panel" aria-labelledby="cloned-heading">
      <h2 id="cloned-heading">{words.heading}</h2>
      <p>
        {words.seen} <When at={props.cloned.since} />, {words.last} <When at={props.cloned.at} />.
      </p>
      <p>{words.lead}</p>
      {error !== undefined && <Failure error={error} />}
      {may(props.live, 'operator') && (
        <button type="button" onClick={() => void settle()}>
          {words.act}
        </button>
      )}
    </section>
  );
}
