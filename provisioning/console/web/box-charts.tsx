/**
 * The charts of one box, at any time: presets, steps by button and by key, and a drag over a chart to look closer. Where
 * no samples are, it says why; the same stands as a table for who cannot see charts.
 */
import { useMemo, useState } from 'preact/hooks';
import { Chart } from './chart.js';
import { ChartTable } from './chart-table.js';
import { chartsFor } from './charts.js';
import { exact, span as lengthOf, moment } from './format.js';
import { type Gap, gapsOf } from './gaps.js';
import { Choice, Skeleton } from './parts.js';
import { between, endsOf, lastOf, moved, presetOf, type Span, untilNow, zoomed } from './span.js';
import { texts } from './texts.js';
import type { BoxView } from './use-box.js';

const words = texts.box;

type Change = (span: Span, now: number) => Span;
const earlier: Change = (span, now) => moved(span, -1, now);
const later: Change = (span, now) => moved(span, 1, now);
const closer: Change = (span, now) => zoomed(span, 0.5, now);
const wider: Change = (span, now) => zoomed(span, 2, now);
const changes: Record<string, Change | undefined> = {
  ...{ ArrowLeft: earlier, ArrowRight: later, '+': closer, '=': closer, '-': wider, End: untilNow },
};

function Steps({ span, change }: { span: Span; change: (change: Change) => void }) {
  const step = (what: Change, label: string) => (
    <button type="button" class="quiet" onClick={() => change(what)}>
      {label}
    </button>
  );
  return (
    <fieldset class="steps">
      <legend class="unseen">{words.move}</legend>
      {step(earlier, words.earlier)}
      {span.kind === 'fixed' && step(later, words.later)}
      {span.kind === 'fixed' && step(untilNow, words.now)}
      {step(closer, words.closer)}
      {step(wider, words.wider)}
    </fieldset>
  );
}

const shownGaps = 5;

/** The newest first. */
function Gaps({ gaps }: { gaps: readonly Gap[] }) {
  if (gaps.length === 0) return null;
  return (
    <section class="no-samples" aria-labelledby="gaps-heading">
      <h3 id="gaps-heading">{words.gapsHeading}</h3>
      <ul>
        {gaps
          .slice(-shownGaps)
          .reverse()
          .map(({ from, to, reason }) => (
            <li key={from}>
              {words.gapFromTo(moment(from), moment(to), lengthOf(to - from))}: {reason}
            </li>
          ))}
        {gaps.length > shownGaps && <li class="muted">{words.moreGaps(gaps.length - shownGaps)}</li>}
      </ul>
    </section>
  );
}

const noEvents: NonNullable<BoxView['events']> = [];

export function BoxCharts(props: { view: BoxView; span: Span; setSpan: (span: Span) => void }) {
  const { view, span, setSpan } = props;
  const { samples, box, events = noEvents } = view;
  const [isTable, setTable] = useState(false);
  const specs = useMemo(() => chartsFor(samples ?? []), [samples]);
  const { from, to } = endsOf(span, Math.max(Date.now(), span.kind === 'last' ? (samples?.at(-1)?.at ?? 0) : 0));
  const isOnline = box?.state === 'online';
  const gaps = useMemo(
    () => gapsOf(samples ?? [], { to, isOnline, events }),
    // Of a span that moves on, the end of the last gap moves with it, but not at each drawing.
    [samples, events, isOnline, span.kind === 'fixed' && to],
  );
  const hasBand = samples?.some(({ min }) => min !== undefined) ?? false;
  const change = (what: Change) => setSpan(what(span, Date.now()));
  return (
    <section aria-label={words.reports} class="reports">
      <div class="range">
        <Choice
          {...{ name: 'range', legend: words.range, options: words.ranges, value: presetOf(span) }}
          choose={(preset) => setSpan(lastOf(preset))}
        />
        <Steps span={span} change={change} />
        <button type="button" class="quiet" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
          {isTable ? words.asCharts : words.asTable}
        </button>
        <small class="muted" role="status">
          {span.kind === 'fixed' ? words.fromTo(exact(from), exact(to)) : !isTable && words.dragHint}{' '}
          {hasBand && !isTable && words.band}
        </small>
      </div>
      {!samples && <Skeleton lines={8} />}
      {samples?.length === 0 && <p class="panel empty">{box?.health ? words.noSamples : words.noSamplesYet}</p>}
      {samples && samples.length > 0 && isTable && <ChartTable {...{ specs, samples, gaps, from, to }} />}
      {samples && samples.length > 0 && !isTable && (
        <section
          class="charts"
          // biome-ignore lint/a11y/noNoninteractiveTabindex: its keys move the time
          tabIndex={0}
          aria-label={words.keys}
          aria-keyshortcuts="ArrowLeft ArrowRight + - End"
          onKeyDown={(event) => {
            const what = changes[event.key];
            if (!what || event.ctrlKey || event.altKey || event.metaKey) return;
            event.preventDefault();
            change(what);
          }}
        >
          {specs.map((spec) => (
            <Chart
              key={spec.id}
              {...{ spec, samples, gaps, from, to }}
              zoom={(start, end) => setSpan(between(start, end, Date.now()))}
            />
          ))}
        </section>
      )}
      <Gaps gaps={gaps} />
    </section>
  );
}
