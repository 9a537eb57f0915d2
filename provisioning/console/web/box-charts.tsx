/** The charts of one box, at any time: presets, steps by button, and a drag over a chart to look closer. */
import { useMemo } from 'preact/hooks';
import { Chart } from './chart.js';
import { chartsFor } from './charts.js';
import { exact } from './format.js';
import { Choice, Skeleton } from './parts.js';
import { between, endsOf, lastOf, moved, presetOf, type Span, zoomed } from './span.js';
import { texts } from './texts.js';
import type { BoxView } from './use-box.js';

const words = texts.box;

function Steps({ span, setSpan }: { span: Span; setSpan: (span: Span) => void }) {
  const step = (change: (now: number) => Span, label: string) => (
    <button type="button" class="quiet" onClick={() => setSpan(change(Date.now()))}>
      {label}
    </button>
  );
  return (
    <fieldset class="steps">
      <legend class="unseen">{words.move}</legend>
      {step((now) => moved(span, -1, now), words.earlier)}
      {span.kind === 'fixed' && step((now) => moved(span, 1, now), words.later)}
      {step((now) => zoomed(span, 0.5, now), words.closer)}
      {step((now) => zoomed(span, 2, now), words.wider)}
    </fieldset>
  );
}

export function BoxCharts(props: { view: BoxView; span: Span; setSpan: (span: Span) => void }) {
  const { view, span, setSpan } = props;
  const { samples } = view;
  const specs = useMemo(() => chartsFor(samples ?? []), [samples]);
  const { from, to } = endsOf(span, Math.max(Date.now(), span.kind === 'last' ? (samples?.at(-1)?.at ?? 0) : 0));
  return (
    <section aria-label={words.reports}>
      <div class="range">
        <Choice
          {...{ name: 'range', legend: words.range, options: words.ranges, value: presetOf(span) }}
          choose={(preset) => setSpan(lastOf(preset))}
        />
        <Steps span={span} setSpan={setSpan} />
        <small class="muted" role="status">
          {span.kind === 'fixed' ? words.fromTo(exact(from), exact(to)) : words.dragHint}
        </small>
      </div>
      {!samples && <Skeleton lines={8} />}
      {samples?.length === 0 && <p class="panel empty">{view.box?.health ? words.noSamples : words.noSamplesYet}</p>}
      {samples && samples.length > 0 && (
        <div class="charts">
          {specs.map((spec) => (
            <Chart
              key={spec.id}
              {...{ spec, samples, from, to }}
              zoom={(start, end) => setSpan(between(start, end, Date.now()))}
            />
          ))}
        </div>
      )}
    </section>
  );
}
