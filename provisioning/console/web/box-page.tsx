import { useEffect, useState } from 'preact/hooks';
import { Refused } from './api.js';
import { BoxAbout } from './box-about.js';
import { BoxCharts } from './box-charts.js';
import { BoxConditions } from './box-conditions.js';
import { Facts } from './box-facts.js';
import { type Standing, standingOf } from './care.js';
import { Cloned } from './cloned.js';
import { Commands } from './commands.js';
import { Departure } from './departure.js';
import { EventList } from './event-list.js';
import type { Live, State } from './live.js';
import { may, WhoCan } from './may.js';
import { Failure, Mark, Skeleton, Title, When } from './parts.js';
import { Reinstate } from './reinstate.js';
import { RevokeBox } from './revoke-box.js';
import { Link } from './route.js';
import { lastOf, type Span } from './span.js';
import { texts } from './texts.js';
import { type BoxView, useBox } from './use-box.js';

function Lead({ view, standing }: { view: BoxView; standing: Standing }) {
  const { box } = view;
  if (!box) return null;
  return (
    <p class="lead">
      <Mark tone={standing.tone}>{standing.word}</Mark>
      {standing.reasons.length > 0 && <span>{standing.reasons.join('; ')}</span>}
      {box.lastSeen !== null && (
        <span>
          {texts.box.lastSeen} <When at={box.lastSeen} />
        </span>
      )}
      {box.revokedAt !== null && (
        <span>
          {texts.box.revokedAt} <When at={box.revokedAt} />
        </span>
      )}
    </p>
  );
}

/** A box that has just come would be a speck in an hour. */
const young = 30 * 60_000;

export function BoxPage({ id, live, state }: { id: string; live: Live; state: State }) {
  const [chosen, setSpan] = useState<Span>();
  const [isYoung, setYoung] = useState(false);
  const span = chosen ?? lastOf(isYoung ? '15m' : '1h');
  const view = useBox(live, id, span);
  const enrolledAt = view.box?.enrolledAt;
  useEffect(() => setYoung(enrolledAt !== undefined && Date.now() - enrolledAt < young), [enrolledAt]);
  const { box, error } = view;
  const standing = box && standingOf(box, Date.now());
  const unknown = error instanceof Refused && !box;
  const mayAct = may(live, 'operator');
  return (
    <>
      <p class="back">
        <Link to="/boxes">← {texts.box.back}</Link>
      </p>
      <Title page={id}>{box && standing ? texts.box.title(id, box.state, standing.reasons) : id}</Title>
      {error !== undefined && (unknown || state.reachable) && <Failure error={error} />}
      {standing && <Lead view={view} standing={standing} />}
      {box && <WhoCan live={live} needs="operator" act="box" />}
      {!unknown && (
        <>
          {box?.cloned && box.standing.revocation === null && (
            <Cloned id={id} cloned={box.cloned} live={live} done={view.again} />
          )}
          {box && box.standing.revocation === null && <BoxConditions conditions={box.conditions ?? []} />}
          <BoxCharts view={view} span={span} setSpan={setSpan} />
          {box && <BoxAbout box={box} live={live} done={view.again} />}
          {box && <Facts box={box} />}
          {box && <Commands id={id} live={live} canAsk={mayAct && box.standing.revocation === null} />}
          <section aria-labelledby="events-heading">
            <h2 id="events-heading">{texts.box.events}</h2>
            {view.events ? (
              <EventList events={view.events} empty={texts.box.noEvents} ofOneBox />
            ) : (
              <Skeleton lines={3} />
            )}
          </section>
          {box?.standing.leaving?.phase === 'announced' && box.standing.revocation === null && (
            <Departure id={id} leaving={box.standing.leaving} live={live} done={view.again} />
          )}
          {mayAct && box?.standing.factory?.barred && <Reinstate id={id} live={live} done={view.again} />}
          {mayAct && box && box.standing.revocation === null && (
            <RevokeBox id={id} hasDevice={box.standing.factory !== null} live={live} done={view.again} />
          )}
        </>
      )}
    </>
  );
}
