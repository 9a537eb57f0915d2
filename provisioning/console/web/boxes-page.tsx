import { useState } from 'preact/hooks';
import type { BoxSummary } from '#contract/operator.js';
import { byUrgency, needsCare, type Standing, standingOf, thresholds } from './care.js';
import { percent } from './format.js';
import type { State } from './live.js';
import { Bar, Mark, Skeleton, Title, useNarrow, When } from './parts.js';
import { Link } from './route.js';
import { texts } from './texts.js';

type Column = keyof typeof texts.boxes.columns;
interface Row {
  box: BoxSummary;
  standing: Standing;
}

const shownAtOnce = 200;
const metricOf = {
  cpu: { name: 'system.cpu.utilization', threshold: Number.POSITIVE_INFINITY },
  memory: { name: 'system.memory.utilization', threshold: thresholds.memory },
  disk: { name: 'system.filesystem.utilization', threshold: thresholds.disk },
} as const;
type Metric = keyof typeof metricOf;

const measured = (box: BoxSummary, metric: Metric): number | undefined => box.health?.values[metricOf[metric].name];
const byId = (a: Row, b: Row): number => (a.box.id < b.box.id ? -1 : 1);

/** The most interesting first: the worst, the longest unseen, the fullest, the nearest end. */
const orders: Record<Column, (a: Row, b: Row) => number> = {
  id: byId,
  state: (a, b) => byUrgency(a.standing, b.standing),
  lastSeen: (a, b) => (a.box.lastSeen ?? 0) - (b.box.lastSeen ?? 0),
  cpu: (a, b) => (measured(b.box, 'cpu') ?? -1) - (measured(a.box, 'cpu') ?? -1),
  memory: (a, b) => (measured(b.box, 'memory') ?? -1) - (measured(a.box, 'memory') ?? -1),
  disk: (a, b) => (measured(b.box, 'disk') ?? -1) - (measured(a.box, 'disk') ?? -1),
  gaps: (a, b) => b.box.gaps - a.box.gaps,
  certificate: (a, b) => a.box.certificate.notAfter - b.box.certificate.notAfter,
};
const directions: Partial<Record<Column, 'ascending' | 'descending'>> = {
  ...{ id: 'ascending', lastSeen: 'ascending', certificate: 'ascending' },
  ...{ state: 'descending', cpu: 'descending', memory: 'descending', disk: 'descending', gaps: 'descending' },
};
const columns: readonly Column[] = ['id', 'state', 'lastSeen', 'cpu', 'memory', 'disk', 'gaps', 'certificate'];

function Measure(props: { box: BoxSummary; metric: Metric }) {
  const value = measured(props.box, props.metric);
  if (value === undefined || props.box.state === 'revoked') return <span class="muted">{texts.claims.none}</span>;
  const tone = value >= metricOf[props.metric].threshold ? 'attention' : 'unknown';
  return (
    <span class="measure">
      {percent(value)}
      <Bar share={value} tone={tone} />
    </span>
  );
}

function StateOf({ standing }: { standing: Standing }) {
  return (
    <>
      <Mark tone={standing.tone}>{standing.word}</Mark>
      {standing.reasons.length > 0 && <small class="reasons">{standing.reasons.join('; ')}</small>}
    </>
  );
}

function Cell({ row: { box, standing }, column }: { row: Row; column: Column }) {
  if (column === 'id') return <Link to={`/boxes/${box.id}`}>{box.id}</Link>;
  if (column === 'state') return <StateOf standing={standing} />;
  if (column === 'lastSeen')
    return box.lastSeen === null ? <span class="muted">{texts.boxes.never}</span> : <When at={box.lastSeen} />;
  if (column === 'gaps')
    return box.gaps === 0 ? (
      <span class="muted">{texts.boxes.nothing}</span>
    ) : (
      <span>{box.gaps.toLocaleString('en-GB')}</span>
    );
  if (column === 'certificate') return <When at={box.certificate.notAfter} />;
  return <Measure box={box} metric={column} />;
}

function Table(props: { rows: readonly Row[]; sorted: Column; sort: (column: Column) => void }) {
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            {columns.map((column) => (
              <th
                key={column}
                scope="col"
                class={column}
                aria-sort={props.sorted === column ? directions[column] : undefined}
              >
                <button type="button" onClick={() => props.sort(column)}>
                  {texts.boxes.columns[column]}
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {props.rows.map((row) => (
            <tr key={row.box.id}>
              {columns.map((column) =>
                column === 'id' ? (
                  <th key={column} scope="row" class="id">
                    <Cell row={row} column={column} />
                  </th>
                ) : (
                  <td key={column} class={column}>
                    <Cell row={row} column={column} />
                  </td>
                ),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const factsOfCard: readonly Column[] = ['cpu', 'memory', 'disk', 'lastSeen', 'gaps', 'certificate'];

function Cards({ rows }: { rows: readonly Row[] }) {
  return (
    <ul class="cards">
      {rows.map((row) => (
        <li key={row.box.id} class="panel">
          <h2>
            <Cell row={row} column="id" />
          </h2>
          <StateOf standing={row.standing} />
          <dl>
            {factsOfCard.map((column) => (
              <div key={column}>
                <dt>{texts.boxes.columns[column]}</dt>
                <dd>
                  <Cell row={row} column={column} />
                </dd>
              </div>
            ))}
          </dl>
        </li>
      ))}
    </ul>
  );
}

function Empty() {
  return (
    <div class="panel empty">
      <p>{texts.boxes.emptyWhat}</p>
      <Link to="/claims" class="button main">
        {texts.boxes.emptyAct}
      </Link>
    </div>
  );
}

export function BoxesPage({ state }: { state: State }) {
  const [wanted, setWanted] = useState('');
  const [isOnlyCare, setOnlyCare] = useState(false);
  const [sorted, setSorted] = useState<Column>('state');
  const [shown, setShown] = useState(shownAtOnce);
  const isNarrow = useNarrow();
  const page = texts.boxes.pageTitle;

  if (!state.boxes)
    return (
      <>
        <Title page={page}>{texts.boxes.asking}</Title>
        <Skeleton lines={6} />
      </>
    );
  if (state.boxes.length === 0)
    return (
      <>
        <Title page={page}>{texts.boxes.empty}</Title>
        <Empty />
      </>
    );

  const now = Date.now();
  const rows = state.boxes.map((box) => ({ box, standing: standingOf(box, now) }));
  const words = wanted.trim().toLowerCase();
  const found = rows
    .filter(({ standing }) => !isOnlyCare || needsCare(standing))
    .filter(({ box, standing }) =>
      `${box.id} ${standing.word} ${standing.reasons.join(' ')}`.toLowerCase().includes(words),
    )
    .sort((a, b) => orders[sorted](a, b) || byId(a, b));
  const inState = (wantedState: BoxSummary['state']) => rows.filter(({ box }) => box.state === wantedState).length;
  const counts = {
    online: inState('online'),
    offline: inState('offline'),
    enrolled: inState('enrolled'),
    revoked: inState('revoked'),
    left: inState('left'),
  };
  const care = rows.filter(({ standing }) => needsCare(standing)).length;
  const visible = found.slice(0, shown);

  return (
    <>
      <Title page={page}>{texts.boxes.summary(rows.length, counts.online, care, counts.revoked + counts.left)}</Title>
      <p class="lead">{texts.boxes.counts(counts)}</p>
      <search>
        <form class="filters" onSubmit={(event) => event.preventDefault()}>
          <label for="search">{texts.boxes.search}</label>
          <input
            id="search"
            type="search"
            placeholder={texts.boxes.searchHint}
            value={wanted}
            onInput={(event) => setWanted(event.currentTarget.value)}
          />
          <label class="check">
            <input
              type="checkbox"
              checked={isOnlyCare}
              onChange={(event) => setOnlyCare(event.currentTarget.checked)}
            />
            {texts.boxes.onlyCare}
          </label>
          <span class="muted" role="status">
            {texts.boxes.found(found.length)}
          </span>
        </form>
      </search>
      {found.length === 0 && (
        <div class="panel empty">
          <p>{texts.boxes.none}</p>
          <button
            type="button"
            onClick={() => {
              setWanted('');
              setOnlyCare(false);
            }}
          >
            {texts.boxes.clear}
          </button>
        </div>
      )}
      {found.length > 0 &&
        (isNarrow ? <Cards rows={visible} /> : <Table rows={visible} sorted={sorted} sort={setSorted} />)}
      {found.length > shown && (
        <button type="button" onClick={() => setShown(shown + shownAtOnce)}>
          {texts.boxes.more(Math.min(shownAtOnce, found.length - shown))}
        </button>
      )}
    </>
  );
}
