import { useState } from 'preact/hooks';
import type { AdmissionRequest } from '#contract/operator.js';
import { call } from './api.js';
import type { Tone } from './care.js';
import type { Live, State } from './live.js';
import { may, WhoCan } from './may.js';
import { Failure, Mark, Skeleton, Title, When } from './parts.js';
import { ReasonForm } from './reason-form.js';
import { Link } from './route.js';
import { texts } from './texts.js';

const words = texts.requests;
const tones: Record<AdmissionRequest['state'], Tone> = { waiting: 'attention', approved: 'good', refused: 'unknown' };

/** Stable, so that it is called when the button appears and not at each drawing. */
const focusOn = (element: HTMLElement | null): void => element?.focus();

const reasonWords = { label: words.reason, empty: words.reasonEmpty, act: words.refuseYes, working: words.working };

function Decide({ request, live }: { request: AdmissionRequest; live: Live }) {
  const { id, code } = request;
  const [asking, setAsking] = useState<'no' | 'approve' | 'refuse'>('no');
  const [error, setError] = useState<unknown>();

  async function decide(what: 'approve' | 'refuse', body?: { reason: string }): Promise<void> {
    setError(undefined);
    try {
      await live.watch(call('POST', `/v1/requests/${id}/${what}`, body ? { body } : {}));
    } catch (refused) {
      setError(refused);
    }
    await live.refreshRequests();
  }

  const no = (
    <button type="button" onClick={() => setAsking('no')}>
      {words.no}
    </button>
  );
  return (
    <>
      {error !== undefined && <Failure error={error} />}
      {asking === 'no' && (
        <div class="acts">
          <button type="button" aria-label={words.approveNamed(code)} onClick={() => setAsking('approve')}>
            {words.approve}
          </button>
          <button type="button" class="quiet" aria-label={words.refuseNamed(code)} onClick={() => setAsking('refuse')}>
            {words.refuse}
          </button>
        </div>
      )}
      {asking === 'approve' && (
        <fieldset class="asking">
          <legend class="unseen">{words.approveNamed(code)}</legend>
          <p>{words.approveAsk}</p>
          <div class="acts">
            <button ref={focusOn} type="button" class="main" onClick={() => void decide('approve')}>
              {words.approveYes}
            </button>
            {no}
          </div>
        </fieldset>
      )}
      {asking === 'refuse' && (
        <ReasonForm
          id={`reason-${id}`}
          words={reasonWords}
          dangerous
          focus={focusOn}
          submit={(reason) => decide('refuse', { reason })}
        >
          {no}
        </ReasonForm>
      )}
    </>
  );
}

function Waiting({ request, live }: { request: AdmissionRequest; live: Live }) {
  const { code, factory, claimLabel } = request;
  return (
    <li class="panel">
      <h3 class="spaced">{code}</h3>
      <dl>
        <div>
          <dt>{words.device}</dt>
          <dd>
            {factory ? (
              <Mark tone="good">{words.proven(factory.serial, factory.maker)}</Mark>
            ) : (
              <Mark tone="unknown">{words.homemade}</Mark>
            )}
          </dd>
        </div>
        {claimLabel !== null && (
          <div>
            <dt>{words.claim}</dt>
            <dd>{claimLabel || words.unnamed}</dd>
          </div>
        )}
        <div>
          <dt>{words.from}</dt>
          <dd>{request.address}</dd>
        </div>
        <div>
          <dt>{words.first}</dt>
          <dd>
            <When at={request.firstAt} />
          </dd>
        </div>
        <div>
          <dt>{words.last}</dt>
          <dd>
            <When at={request.lastAt} />
          </dd>
        </div>
      </dl>
      {may(live, 'operator') && <Decide request={request} live={live} />}
    </li>
  );
}

function Decided({ request }: { request: AdmissionRequest }) {
  return (
    <li>
      <Mark tone={tones[request.state]}>{words.states[request.state]}</Mark>
      <strong>{request.code}</strong>
      <span class="muted">{request.decidedAt !== null && <When at={request.decidedAt} />}</span>
      <span class="muted">
        {request.box !== null ? <Link to={`/boxes/${request.box}`}>{request.box}</Link> : request.reason}
      </span>
    </li>
  );
}

export function RequestsPage({ live, state }: { live: Live; state: State }) {
  const waiting = state.requests?.filter((request) => request.state === 'waiting');
  const decided = state.requests?.filter((request) => request.state !== 'waiting') ?? [];
  return (
    <>
      <Title page={words.pageTitle}>{waiting ? words.summary(waiting.length) : words.asking}</Title>
      <p class="lead">{words.lead}</p>
      <WhoCan live={live} needs="operator" act="requests" />
      <h2>{words.list}</h2>
      {!waiting && <Skeleton lines={4} />}
      {waiting?.length === 0 && (
        <div class="panel empty">
          <p>{words.empty}</p>
          <p class="muted">{words.emptyWhat}</p>
        </div>
      )}
      <ul class="requests">
        {waiting?.map((request) => (
          <Waiting key={request.id} request={request} live={live} />
        ))}
      </ul>
      {decided.length > 0 && (
        <>
          <h2>{words.decided}</h2>
          <ul class="claims panel">
            {decided.map((request) => (
              <Decided key={request.id} request={request} />
            ))}
          </ul>
        </>
      )}
    </>
  );
}
