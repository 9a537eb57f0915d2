/** The boxes of one page: a table where there is room, cards on a phone. */
import type { FleetSort } from '#contract/fleet.js';
import type { BoxSummary } from '#contract/operator.js';
import { BoxName, LastSeen, Measure, StateOf } from './box-cells.js';
import { standingOf } from './care.js';
import { texts } from './texts.js';

type Column = keyof typeof texts.boxes.columns;
const columns: readonly Column[] = ['id', 'state', 'place', 'lastSeen', 'agent', 'cpu', 'memory', 'disk'];
const sortBy: Partial<Record<Column, FleetSort>> = {
  id: 'id',
  state: 'attention',
  lastSeen: 'lastSeen',
  agent: 'agent',
};

export interface Sorting {
  sort: FleetSort;
  reverse: boolean;
  choose(sort: FleetSort): void;
}

function Cell({ box, column }: { box: BoxSummary; column: Column }) {
  if (column === 'id') return <BoxName box={box} />;
  if (column === 'state') return <StateOf standing={standingOf(box, Date.now())} />;
  if (column === 'lastSeen') return <LastSeen box={box} />;
  if (column === 'place')
    return box.place === undefined ? <span class="muted">{texts.claims.none}</span> : <bdi>{box.place}</bdi>;
  if (column === 'agent')
    return (
      <>
        {box.agent === undefined ? <span class="muted">{texts.claims.none}</span> : <bdi>{box.agent}</bdi>}
        {box.model !== undefined && (
          <small class="label">
            <bdi>{box.model}</bdi>
          </small>
        )}
      </>
    );
  return <Measure box={box} metric={column} />;
}

function Heading({ column, sorting }: { column: Column; sorting: Sorting }) {
  const sort = sortBy[column];
  const isSorted = sort === sorting.sort;
  const direction = sorting.reverse ? ('descending' as const) : ('ascending' as const);
  return (
    <th scope="col" class={column} aria-sort={isSorted ? direction : undefined}>
      {sort ? (
        <button type="button" onClick={() => sorting.choose(sort)}>
          {texts.boxes.columns[column]}
        </button>
      ) : (
        <span class="plain">{texts.boxes.columns[column]}</span>
      )}
    </th>
  );
}

export function BoxesTable({ boxes, sorting }: { boxes: readonly BoxSummary[]; sorting: Sorting }) {
  return (
    <div class="scroll">
      <table class="boxes">
        <thead>
          <tr>
            {columns.map((column) => (
              <Heading key={column} column={column} sorting={sorting} />
            ))}
          </tr>
        </thead>
        <tbody>
          {boxes.map((box) => (
            <tr key={box.id}>
              {columns.map((column) =>
                column === 'id' ? (
                  <th key={column} scope="row" class="id">
                    <Cell box={box} column={column} />
                  </th>
                ) : (
                  <td key={column} class={column}>
                    <Cell box={box} column={column} />
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

const factsOfCard: readonly Column[] = ['place', 'lastSeen', 'agent', 'cpu', 'memory', 'disk'];

export function BoxesCards({ boxes }: { boxes: readonly BoxSummary[] }) {
  return (
    <ul class="cards">
      {boxes.map((box) => (
        <li key={box.id} class="panel">
          <h2>
            <Cell box={box} column="id" />
          </h2>
          <Cell box={box} column="state" />
          <dl>
            {factsOfCard.map((column) => (
              <div key={column}>
                <dt>{texts.boxes.columns[column]}</dt>
                <dd>
                  <Cell box={box} column={column} />
                </dd>
              </div>
            ))}
          </dl>
        </li>
      ))}
    </ul>
  );
}
