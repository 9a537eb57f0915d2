/** One chart of one box. The line's newest value stands beside it as text: a picture alone tells nobody enough. */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { StoredSample } from '#contract/operator.js';
import { type Drawing, draw, heightPixels } from './chart-draw.js';
import type { ChartSpec } from './charts.js';
import { exact } from './format.js';
import type { Gap } from './gaps.js';
import { useMedia } from './parts.js';
import { type Columns, columnsOf, summaryOf } from './series.js';
import { texts } from './texts.js';

/** Over all that is shown: of the band where there is one. */
function bandOf(columns: Columns, { lines }: ChartSpec, index: number): { least: number; most: number } | undefined {
  if (!lines[index]?.band) return undefined;
  const at = lines.length + 2 * lines.slice(0, index).filter(({ band }) => band).length;
  // What stands for itself has no band: the line says it.
  const all = [at, at + 1, index].flatMap((which) => summaryOf(columns.lines[which] ?? []) ?? []);
  if (all.length === 0) return undefined;
  return { least: Math.min(...all.map(({ least }) => least)), most: Math.max(...all.map(({ most }) => most)) };
}

export function Chart(props: {
  spec: ChartSpec;
  samples: readonly StoredSample[];
  gaps: readonly Gap[];
  from: number;
  to: number;
  zoom: (from: number, to: number) => void;
}) {
  const { spec, samples, gaps, from, to } = props;
  const zoom = useRef(props.zoom);
  zoom.current = props.zoom;
  const place = useRef<HTMLDivElement>(null);
  const drawing = useRef<Drawing>(null);
  const [cursor, setCursor] = useState<number>();
  const isDark = useMedia('(prefers-color-scheme: dark)');
  const columns = useMemo(
    () =>
      columnsOf(samples, [
        ...spec.lines.map(({ read }) => read),
        ...spec.lines.flatMap(({ band }) => (band ? [band.most, band.least] : [])),
      ]),
    [samples, spec.id],
  );
  const key = `${spec.id} ${spec.ceiling} ${isDark}`;

  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const drawn = draw(element, spec, { onCursor: setCursor, onDrag: (start, end) => zoom.current(start, end) });
    drawing.current = drawn;
    const watching = new ResizeObserver(() => drawn.plot.setSize({ width: element.clientWidth, height: heightPixels }));
    watching.observe(element);
    return () => {
      watching.disconnect();
      drawn.plot.destroy();
    };
  }, [key]);
  useEffect(() => {
    const drawn = gaps.map((gap): [number, number] => [gap.from / 1000, gap.to / 1000]);
    drawing.current?.show(columns, drawn, from, to);
  }, [key, columns, gaps, from, to]);

  const pointedAt = cursor === undefined ? undefined : columns.times[cursor];
  return (
    <figure
      class="panel chart"
      data-chart={spec.id}
      data-points={columns.times.length - columns.gaps.length}
      data-span={to - from}
    >
      <figcaption>
        <h2>{spec.title}</h2>
        <p class="values">
          {spec.lines.map(({ name }, index) => {
            const line = columns.lines[index] ?? [];
            const summary = summaryOf(line);
            const edges = bandOf(columns, spec, index);
            const pointed = cursor === undefined ? undefined : line[cursor];
            const value = pointed ?? (pointedAt === undefined ? summary?.last : undefined);
            return (
              <span key={name}>
                {spec.lines.length > 1 && (
                  <>
                    <svg class={`key line-${index + 1}`} viewBox="0 0 16 4" width="16" height="4" aria-hidden="true">
                      <path d="M0 2h16" />
                    </svg>
                    {` ${name} `}
                  </>
                )}
                <strong>{value === undefined || value === null ? texts.claims.none : spec.say(value)}</strong>
                {spec.whole && <span class="muted"> {texts.box.of(spec.whole)}</span>}
                {summary && (
                  <span class="unseen">
                    {' '}
                    ({texts.box.between(spec.say(edges?.least ?? summary.least), spec.say(edges?.most ?? summary.most))}
                    )
                  </span>
                )}
              </span>
            );
          })}
          <small class="muted">
            {pointedAt !== undefined ? exact(pointedAt * 1000) : gaps.length > 0 && texts.box.gapsDrawn(gaps.length)}
          </small>
        </p>
      </figcaption>
      <div ref={place} class="plot" aria-hidden="true" />
    </figure>
  );
}
