import { useEffect, useState } from 'preact/hooks';
import type { Claim, CreatedClaim } from '#contract/operator.js';
import { call } from './api.js';
import type { Tone } from './care.js';
import { CreateClaim } from './create-claim.js';
import type { Live } from './live.js';
import { may, WhoCan } from './may.js';
import { Failure, Mark, Skeleton, Title, useAsked, When } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';

const tones: Record<Claim['state'], Tone> = { open: 'good', used: 'unknown', expired: 'unknown', revoked: 'unknown' };
const words = texts.claims;

/** Stable, so that it is called when the button appears and not at each drawing. */
const focusOn = (element: HTMLElement | null): void => element?.focus();

/** Takes back a code that nobody has used: little is lost, so a second, clearly worded button is enough. */
function Revoke(props: { claim: Claim; live: Live; done: () => void }) {
  const { claim, live, done } = props;
  const [isAsking, setAsking] = useState(false);
  const [error, setError] = useState<unknown>();

  async function revoke(): Promise<void> {
    try {
      await live.watch(call('DELETE', `/v1/claims/${claim.id}`));
      done();
    } catch (refused) {
      setError(refused);
    }
  }
  if (error !== undefined) return <Failure error={error} />;
  if (!isAsking)
    return (
      <button
        type="button"
        class="quiet act"
        aria-label={words.revokeNamed(claim.label || claim.id)}
        onClick={() => setAsking(true)}
      >
        {words.revoke}
      </button>
    );
  return (
    <fieldset class="asking">
      <legend class="unseen">{words.revokeNamed(claim.label || claim.id)}</legend>
      <p>{words.revokeAsk}</p>
      <button ref={focusOn} type="button" class="dangerous" onClick={() => void revoke()}>
        {words.revokeYes}
      </button>
      <button type="button" onClick={() => setAsking(false)}>
        {words.revokeNo}
      </button>
    </fieldset>
  );
}

function List(props: { claims: readonly Claim[]; live: Live; done: () => void }) {
  if (props.claims.length === 0) return <p class="panel empty">{words.empty}</p>;
  const newestFirst = [...props.claims].sort((a, b) => b.createdAt - a.createdAt);
  return (
    <ul class="claims panel">
      {newestFirst.map((claim) => (
        <li key={claim.id}>
          <Mark tone={tones[claim.state]}>{words.states[claim.state]}</Mark>
          <strong>{claim.label || <span class="muted">{words.noLabel}</span>}</strong>
          <span class="muted">
            {words.made} <When at={claim.createdAt} />
          </span>
          <span class="muted">
            {claim.box !== null ? (
              <Link to={`/boxes/${claim.box}`}>{claim.box}</Link>
            ) : (
              claim.state === 'open' && (
                <>
                  {words.ends} <When at={claim.expiresAt} />
                </>
              )
            )}
          </span>
          {claim.state === 'open' && may(props.live, 'operator') && (
            <Revoke claim={claim} live={props.live} done={props.done} />
          )}
        </li>
      ))}
    </ul>
  );
}

export function ClaimsPage({ live }: { live: Live }) {
  const asked = useAsked('claims', () => live.watch(call<Claim[]>('GET', '/v1/claims')));
  const [created, setCreated] = useState<CreatedClaim>();
  const { again } = asked;
  // A code is used, made or revoked elsewhere.
  useEffect(() => live.onEvent((event) => (!event || /claim|enrolled/.test(event.type) ? again() : undefined)), [live]);
  const claims = asked.value;
  const open = claims?.filter(({ state }) => state === 'open').length ?? 0;
  return (
    <>
      <Title page={words.pageTitle}>{claims ? words.summary(open) : words.asking}</Title>
      <p class="lead">{words.lead}</p>
      {asked.error !== undefined && live.state.reachable && <Failure error={asked.error} />}
      <WhoCan live={live} needs="operator" act="claims" />
      {may(live, 'operator') && (
        <CreateClaim
          live={live}
          created={created}
          show={(claim) => {
            setCreated(claim);
            again();
          }}
        />
      )}
      <h2>{words.list}</h2>
      {claims ? <List claims={claims} live={live} done={again} /> : <Skeleton lines={4} />}
    </>
  );
}
