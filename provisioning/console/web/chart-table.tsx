/** The charts as a table: for a screen reader, and for whoever wants the numbers. */
import type { StoredSample } from '#contract/operator.js';
import { columnsFor, rowsOf } from './chart-rows.js';
import type { ChartSpec } from './charts.js';
import { moment } from './format.js';
import type { Gap } from './gaps.js';
import { Wide } from './parts.js';
import { texts } from './texts.js';

const words = texts.box;

export function ChartTable(props: {
  specs: readonly ChartSpec[];
  samples: readonly StoredSample[];
  gaps: readonly Gap[];
  from: number;
  to: number;
}) {
  const { specs, samples, gaps, from, to } = props;
  const columns = columnsFor(specs);
  const offset = -new Date(to).getTimezoneOffset() * 60_000;
  return (
    <>
      <p class="muted">{words.averagedHint}</p>
      <Wide label={words.tableOf}>
        <table class="samples">
          <thead>
            <tr>
              <th scope="col">{words.time}</th>
              {columns.map(({ key, title }) => (
                <th key={key} scope="col">
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rowsOf(samples, columns, { from, to, offset, gaps }).map((row) => (
              <tr key={row.at}>
                <th scope="row">{moment(Math.max(from, row.at))}</th>
                {'cells' in row ? (
                  row.cells.map((cell, index) => {
                    const { key, say } = columns[index]!;
                    return (
                      <td key={key}>
                        {cell ? words.averaged(say(cell.average), say(cell.least), say(cell.most)) : texts.claims.none}
                      </td>
                    );
                  })
                ) : (
                  <td class="gap wrap" colSpan={columns.length}>
                    {words.noneUntil(moment(row.to))}
                    {row.reason !== undefined && `: ${row.reason}`}
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </Wide>
    </>
  );
}
