/** One question: may somebody else take over this app? Who left, who comes, who decided, what changes, and what a no means. */
import { Fragment } from 'preact';
import type { InstalledApp, AppSuccession as Told } from '#contract/installed.js';
import type { AppsView, OwnerView } from '#contract/owner.js';
import { SaveData, useApp } from './app-page.js';
import { date } from './format.js';
import type { HomeProps } from './home.js';
import type { Live } from './live.js';
import { Maker } from './maker.js';
import { Failure, Submit, Title, Trouble, useForm } from './parts.js';
import { sayPermission } from './permissions.js';
import { Link, turnTo } from './route.js';
import { Name } from './say.js';
import { answerSuccession } from './succession.js';
import { texts } from './texts.js';
import { nameOf, short } from './words-of.js';

const words = texts.apps.succession;

function Before({ told: { from } }: { told: Told }) {
  return (
    <section class="panel" aria-labelledby="before">
      <h2 id="before">{words.before}</h2>
      <p>
        <Name>{words.left[from.left](short(from.name), from.since)}</Name>
      </p>
      {from.because !== null && (
        <p>
          {words.because}{' '}
          <q>
            <Name>{from.because}</Name>
          </q>
        </p>
      )}
    </section>
  );
}

function Decided({ told, territory }: { told: Told; territory: string }) {
  return (
    <section class="panel" aria-labelledby="decided">
      <h2 id="decided">{words.decided}</h2>
      {told.decisions.map(({ from, to, at, reason, decidedBy, review }) => (
        <Fragment key={at}>
          <p>
            <Name>{words.passes(territory, short(from), short(to))}</Name>
          </p>
          <dl>
            <dt>{words.facts.at}</dt>
            <dd>{date(at)}</dd>
            <dt>{words.facts.by}</dt>
            <dd>
              <Name>{decidedBy}</Name>
            </dd>
            <dt>{words.facts.reason}</dt>
            <dd>
              <Name>{reason}</Name>
            </dd>
            <dt>{words.facts.review}</dt>
            <dd>
              <Name>{review}</Name>
            </dd>
          </dl>
        </Fragment>
      ))}
    </section>
  );
}

function Changes({ told: { next, to } }: { told: Told }) {
  const heir = short(to.name);
  const isMore = next !== null && (next.asks.length > 0 || !next.sameTerms);
  return (
    <section class="panel" aria-labelledby="changes">
      <h2 id="changes">{words.changes}</h2>
      <p>{words.updates(heir)}</p>
      {next === null ? (
        <p>{words.none(heir)}</p>
      ) : (
        <>
          <p>
            {words.version(next.version)} {isMore ? words.waitsStill : words.goesAhead}
          </p>
          {next.asks.length === 0 ? (
            <p>{words.sameAsks}</p>
          ) : (
            <>
              <p>{words.asks}</p>
              <ul class="bullets">
                {next.asks.map((capability) => (
                  <li key={capability}>{sayPermission(capability).name}</li>
                ))}
              </ul>
            </>
          )}
          <p>{next.sameTerms ? words.sameTerms : words.otherTerms}</p>
        </>
      )}
    </section>
  );
}

function Question({ live, app, told, view }: { live: Live; app: InstalledApp; told: Told; view: OwnerView }) {
  const answer = (accept: boolean) => async () => {
    const { change } = await answerSuccession(live, app, accept);
    turnTo(change === null ? `/apps/${app.id}` : `/changes/${change}/${app.id}`);
    return undefined;
  };
  const [yes, no] = [useForm(answer(true)), useForm(answer(false))];
  const isWorking = yes.isWorking || no.isWorking;
  const heir = short(told.to.name);
  const { territory } = view.membership.current;
  const isRunning = app.stopped === null;
  return (
    <form class="page wide" onSubmit={yes.submit}>
      <Failure error={yes.error ?? no.error} />
      <Title>{words.title(nameOf(app.manifest.name), heir)}</Title>
      {told.problem && <Trouble told={told.problem} live={false} />}
      <Before told={told} />
      <Maker member={told.to} title={words.heir} />
      <Decided told={told} territory={territory?.id === told.territory ? territory.name : told.territory} />
      <Changes told={told} />
      <section class="panel" aria-labelledby="data">
        <h2 id="data">{words.data}</h2>
        <p>{words.dataLead(app.usedBytes, heir)}</p>
        {app.usedBytes > 0 && (
          <p>
            {words.dataSave} <SaveData id={app.id} />
          </p>
        )}
      </section>
      <section class="panel" aria-labelledby="otherwise">
        <h2 id="otherwise">{words.otherwise}</h2>
        <p>
          {isRunning ? words.keeps.runs : words.keeps.stopped} {words.later}
        </p>
      </section>
      <div class="acts">
        {!told.problem && <Submit isWorking={isWorking}>{words.yes(heir)}</Submit>}
        <button type="button" aria-disabled={isWorking} onClick={no.submit}>
          {words.no}
        </button>
      </div>
    </form>
  );
}

export function AppSuccession({ live, view, id }: HomeProps & { view: { apps: AppsView }; id: string }) {
  const { app, instead } = useApp(id, view.apps.version);
  if (!app) return instead;
  const told = app.succession;
  if (told && told.answer !== 'yes') return <Question live={live} app={app} told={told} view={view} />;
  return (
    <div class="page">
      <Title>{words.over}</Title>
      <p class="acts">
        <Link to={`/apps/${id}`} class="button">
          {texts.apps.change.open(nameOf(app.manifest.name))}
        </Link>
      </p>
    </div>
  );
}
