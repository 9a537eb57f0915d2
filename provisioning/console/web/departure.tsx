import { useState } from 'preact/hooks';
import type { BoxStanding } from '#contract/operator.js';
import { call } from './api.js';
import type { Live } from './live.js';
import { may } from './may.js';
import { Failure, When } from './parts.js';
import { ReasonForm } from './reason-form.js';
import { texts } from './texts.js';

/** The owner is about to leave: nobody can prevent it, an operator can object. */
export function Departure(props: {
  id: string;
  leaving: NonNullable<BoxStanding['leaving']>;
  live: Live;
  done: () => void;
}) {
  const { id, leaving, live, done } = props;
  const words = texts.departure;
  const [error, setError] = useState<unknown>();

  async function object(reason: string): Promise<void> {
    setError(undefined);
    try {
      await live.watch(call('POST', `/v1/boxes/${id}/object`, { body: { reason } }));
      done();
    } catch (refused) {
      setError(refused);
    }
  }

  return (
    <section class="danger panel" aria-labelledby="departure-heading">
      <h2 id="departure-heading">{words.heading}</h2>
      <p>
        {words.what[leaving.reason]} {leaving.reason === 'transfer' && (leaving.to ?? texts.box.elsewhere)},{' '}
        {words.since} <When at={leaving.at} />. {words.explain}
      </p>
      {leaving.objection !== null && (
        <p>
          {words.objection} “{leaving.objection}”
        </p>
      )}
      {error !== undefined && <Failure error={error} />}
      {may(live, 'operator') && <ReasonForm id="objection" words={words} submit={object} />}
    </section>
  );
}
