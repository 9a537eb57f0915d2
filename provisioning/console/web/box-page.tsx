import { useMemo, useState } from 'preact/hooks';
import { Refused } from './api.js';
import { Facts } from './box-facts.js';
import { type Standing, standingOf } from './care.js';
import { Chart } from './chart.js';
import { chartsFor } from './charts.js';
import { Cloned } from './cloned.js';
import { Commands } from './commands.js';
import { Departure } from './departure.js';
import { EventList } from './event-list.js';
import type { Live, State } from './live.js';
import { Choice, Failure, Mark, Skeleton, Title, When } from './parts.js';
import { Reinstate } from './reinstate.js';
import { RevokeBox } from './revoke-box.js';
import { Link } from './route.js';
import { texts } from './texts.js';
import { type BoxView, type Range, ranges, useBox } from './use-box.js';

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

function Charts(props: { view: BoxView; range: Range; setRange: (range: Range) => void }) {
  const { view, range, setRange } = props;
  const samples = view.samples;
  const specs = useMemo(() => chartsFor(samples ?? []), [samples]);
  const to = Math.max(Date.now(), samples?.at(-1)?.at ?? 0);
  return (
    <section aria-label={texts.box.reports}>
      <Choice name="range" legend={texts.box.range} options={texts.box.ranges} value={range} choose={setRange} />
      {!samples && <Skeleton lines={8} />}
      {samples?.length === 0 && (
        <p class="panel empty">{view.box?.health ? texts.box.noSamples : texts.box.noSamplesYet}</p>
      )}
      {samples && samples.length > 0 && (
        <div class="charts">
          {specs.map((spec) => (
            <Chart key={spec.id} spec={spec} samples={samples} from={to - ranges[range]} to={to} />
          ))}
        </div>
      )}
    </section>
  );
}

/** A box that has just come would be a speck in an hour. */
const young = 30 * 60_000;

export function BoxPage({ id, live, state }: { id: string; live: Live; state: State }) {
  const [chosen, setRange] = useState<Range>();
  const enrolledAt = state.boxes?.find((box) => box.id === id)?.enrolledAt ?? 0;
  const range = chosen ?? (Date.now() - enrolledAt < young ? '15m' : '1h');
  const view = useBox(live, id, range);
  const { box, error } = view;
  const standing = box && standingOf(box, Date.now());
  const unknown = error instanceof Refused && !box;
  return (
    <>
      <p class="back">
        <Link to="/">← {texts.box.back}</Link>
      </p>
      <Title page={id}>{box && standing ? texts.box.title(id, box.state, standing.reasons) : id}</Title>
      {error !== undefined && (unknown || state.reachable) && <Failure error={error} />}
      {standing && <Lead view={view} standing={standing} />}
      {!unknown && (
        <>
          {box?.cloned && box.standing.revocation === null && (
            <Cloned id={id} cloned={box.cloned} live={live} done={view.again} />
          )}
          <Charts view={view} range={range} setRange={setRange} />
          {box && <Facts box={box} />}
          {box && <Commands id={id} live={live} canAsk={box.standing.revocation === null} />}
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
          {box?.standing.factory?.barred && <Reinstate id={id} live={live} done={view.again} />}
          {box && box.standing.revocation === null && (
            <RevokeBox id={id} hasDevice={box.standing.factory !== null} live={live} done={view.again} />
          )}
        </>
      )}
    </>
  );
}
