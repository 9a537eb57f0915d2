/** On the page of an app: what was agreed to, what is coming, and the way out. */
import { useState } from 'preact/hooks';
import type { OwnerAgreement } from '#contract/agreements.js';
import type { InstalledApp } from '#contract/installed.js';
import type { Live } from './live.js';
import { Details, Failure, Mark, useForm } from './parts.js';
import { planName, sayPrices } from './plan-words.js';
import { Plans, useAgreements } from './plans.js';
import { Link } from './route.js';
import { texts } from './texts.js';
import { nameOf } from './words-of.js';

const words = texts.terms.app;

function Leave({ live, app, leave }: { live: Live; app: InstalledApp; leave: (open: boolean) => void }) {
  const form = useForm(async () => {
    await live.act('DELETE', `/v1/agreements/${app.id}`);
    leave(false);
    return undefined;
  });
  return (
    <form class="notice attention" onSubmit={form.submit} aria-labelledby="leave">
      <strong id="leave">{words.leaveTitle(nameOf(app.manifest.name))}</strong>
      <Failure error={form.error} />
      <ul class="bullets">
        {words.leaveWhat.map((one) => (
          <li key={one}>{one}</li>
        ))}
      </ul>
      <div class="acts">
        <button type="submit" class="main" aria-disabled={form.isWorking}>
          {form.isWorking ? texts.working : words.leaveSubmit}
        </button>
        <button type="button" onClick={() => leave(false)}>
          {words.no}
        </button>
      </div>
    </form>
  );
}

function Past({ past, name }: { past: readonly OwnerAgreement[]; name: string }) {
  if (past.length === 0) return null;
  return (
    <Details summary={words.past}>
      <ul class="bullets">
        {past.map(({ id, plan, at, ended }) => (
          <li key={id}>
            {planName(plan)}, {sayPrices(plan)}. {words.from(at, ended?.at ?? at)}. {words.why(ended?.why ?? '', name)}
          </li>
        ))}
      </ul>
    </Details>
  );
}

function Holds({ agreement, waiting }: { agreement: OwnerAgreement; waiting: string | undefined }) {
  const { plan, since, notice, told, refused } = agreement;
  const heard = refused === null ? (told ? 'told' : 'waiting') : 'refused';
  return (
    <>
      {notice && (
        <div class="notice attention">
          <Mark tone="attention">
            <strong>{words.coming(notice.version)}</strong>
          </Mark>
          <p>{words.comingLead(notice.endsAt)}</p>
          {waiting !== undefined && (
            <p>
              <Link to={`/install/${waiting}`} class="button main">
                {words.again}
              </Link>
            </p>
          )}
        </div>
      )}
      <dl>
        <dt>{words.plan}</dt>
        <dd>
          <bdi>{planName(plan)}</bdi>
          <span class="hint block">{since === null ? words.soon : words.since(since)}</span>
        </dd>
        <dt>{words.price}</dt>
        <dd>{sayPrices(plan)}</dd>
        <dt>{words.as}</dt>
        <dd>{texts.terms.audience(agreement.class.is)}</dd>
        <dt>{words.told}</dt>
        <dd>{words.toldStates[heard]}</dd>
      </dl>
    </>
  );
}

export function AppTerms({ live, app, version }: { live: Live; app: InstalledApp; version: number }) {
  const { value, again } = useAgreements(app.manifest.plans === undefined ? null : app.id, version);
  const [isLeaving, leave] = useState(false);
  const [isChoosing, choose] = useState(false);
  if (!value) return null;
  const name = nameOf(app.manifest.name);
  return (
    <>
      <section class="panel" aria-labelledby="cost">
        <h2 id="cost">{words.title}</h2>
        {value.now ? (
          <>
            <Holds agreement={value.now} waiting={app.waiting?.release} />
            {isLeaving ? (
              <Leave live={live} app={app} leave={leave} />
            ) : (
              <p class="acts">
                <button type="button" onClick={() => choose(!isChoosing)} aria-expanded={isChoosing}>
                  {texts.terms.other}
                </button>
                <button type="button" onClick={() => leave(true)}>
                  {words.leave}
                </button>
              </p>
            )}
          </>
        ) : (
          app.manifest.plans !== undefined && (
            <div class="notice attention">
              <Mark tone="attention">
                <strong>{words.ended}</strong>
              </Mark>
              <p>{words.endedLead}</p>
            </div>
          )
        )}
        <Past past={value.past} name={name} />
      </section>
      {(isChoosing || value.now === null) && (
        <Plans
          live={live}
          offer={app}
          title={words.plans}
          agreement={null}
          again={() => {
            choose(false);
            again();
          }}
        />
      )}
    </>
  );
}
