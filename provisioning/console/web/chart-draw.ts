/** Draws one chart on its canvas: gaps behind, a band between the least and the most, the line, the threshold. */
import uPlot from 'uplot';
import type { ChartSpec } from './charts.js';
import { clockTime, dayOf, monthOf, secondsTime } from './format.js';
import type { Columns } from './series.js';
import { texts } from './texts.js';

export const heightPixels = 168;
const font = '12px system-ui, sans-serif';
const day = 86_400;

/** The stylesheet's tokens as the canvas needs them. */
function colours(place: Element) {
  const probe = document.createElement('i');
  place.append(probe);
  const read = (token: string) => {
    probe.style.color = `var(--${token})`;
    return getComputedStyle(probe).color;
  };
  const found = {
    text: read('muted'),
    grid: read('grid'),
    gap: read('gap'),
    threshold: read('attention'),
    lines: [read('line-1'), read('line-2')],
    fill: read('line-fill'),
    bands: [read('band-1'), read('band-2')],
  };
  probe.remove();
  return found;
}

const stepsOf = (base: 2 | 10): number[] => {
  const steps: number[] = [];
  if (base === 2) for (let power = 0; power < 60; power += 1) steps.push(2 ** power);
  else for (let power = -4; power < 15; power += 1) for (const step of [1, 2, 5]) steps.push(step * 10 ** power);
  return steps;
};

function timeLabels(splits: number[], secondsEach: number): string[] {
  return splits.map((at) => {
    if (secondsEach >= 27 * day) return monthOf(at * 1000);
    if (secondsEach >= day) return dayOf(at * 1000);
    return secondsEach < 60 ? secondsTime(at * 1000) : clockTime(at * 1000);
  });
}

const alone = (line: ArrayLike<number | null | undefined>): number[] =>
  Array.from(line, (value, index) =>
    value != null && line[index - 1] == null && line[index + 1] == null ? index : -1,
  ).filter((index) => index >= 0);

export interface Drawing {
  plot: uPlot;
  /** @param gaps from and to, in seconds */
  show(columns: Columns, gaps: readonly [number, number][], from: number, to: number): void;
}

/** A click, or the hand that shakes with it, is no wish to look closer. */
const shortestDragPixels = 8;

interface Ears {
  onCursor(index: number | undefined): void;
  /** Dragged over, in milliseconds. */
  onDrag(from: number, to: number): void;
}

export function draw(place: HTMLElement, spec: ChartSpec, { onCursor, onDrag }: Ears): Drawing {
  const ink = colours(place);
  const shown = { gaps: [] as readonly [number, number][], from: 0, to: 1 };
  const banded = spec.lines.flatMap(({ band }, index) => (band ? [index] : []));

  function behind(plot: uPlot): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.fillStyle = ink.gap;
    for (const [from, to] of shown.gaps) {
      const left = Math.max(bbox.left, plot.valToPos(from, 'x', true));
      const right = Math.min(bbox.left + bbox.width, plot.valToPos(to, 'x', true));
      if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    ctx.restore();
  }

  function thresholdLine(plot: uPlot): void {
    if (spec.threshold === undefined || spec.threshold > (plot.scales.y?.max ?? 0)) return;
    const { ctx, bbox } = plot;
    const y = plot.valToPos(spec.threshold, 'y', true);
    ctx.save();
    ctx.strokeStyle = ink.threshold;
    ctx.lineWidth = devicePixelRatio;
    ctx.setLineDash([4 * devicePixelRatio, 4 * devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(bbox.left, y);
    ctx.lineTo(bbox.left + bbox.width, y);
    ctx.stroke();
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.fillStyle = ink.threshold;
    ctx.textAlign = 'right';
    ctx.textBaseline = 'top';
    ctx.fillText(texts.box.threshold, bbox.left + bbox.width - 4 * devicePixelRatio, y + 3 * devicePixelRatio);
    ctx.restore();
  }

  const axis = { stroke: ink.text, font, ticks: { show: false } };
  const options: uPlot.Options = {
    width: Math.max(200, place.clientWidth),
    height: heightPixels,
    legend: { show: false },
    cursor: {
      sync: { key: 'box' },
      drag: { x: true, y: false, setScale: false, dist: shortestDragPixels },
      points: { size: 7 },
      y: false,
    },
    padding: [8, 20, 0, 0],
    scales: {
      x: { range: () => [shown.from, shown.to] },
      y: {
        range: (_plot, least, most) => {
          if (spec.ceiling !== undefined) return [0, spec.ceiling];
          if (spec.id === 'temperature')
            return [Math.min(20, least ?? 20), Math.max(spec.threshold ?? 60, most ?? 60) * 1.05];
          return [0, Math.max(1000, (most ?? 0) * 1.1)];
        },
      },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        space: 72,
        size: 28,
        values: (_plot, splits, _axis, _space, each) => timeLabels(splits, each),
      },
      {
        ...axis,
        size: 72,
        space: 28,
        incrs: stepsOf(spec.base),
        grid: { stroke: ink.grid, width: 1 },
        values: (_plot, splits) => splits.map((value) => spec.say(value)),
      },
    ],
    series: [
      {},
      ...spec.lines.map(({ name }, index) => ({
        label: name,
        stroke: ink.lines[index] ?? ink.text,
        width: 1.5,
        // A line needs two ends: what stands alone between two gaps is a dot.
        points: { show: false, size: 5, filter: (plot: uPlot, which: number) => alone(plot.data[which] ?? []) },
        ...(spec.lines.length === 1 ? { fill: ink.fill } : {}),
        ...(index === 1 ? { dash: [5, 3] } : {}),
      })),
      // The edges of each band: not drawn themselves.
      ...banded.flatMap(() => [0, 1].map(() => ({ width: 0, points: { show: false } }))),
    ],
    bands: banded.map((line, index) => {
      const most = 1 + spec.lines.length + 2 * index;
      return { series: [most, most + 1] as [number, number], fill: ink.bands[line] ?? ink.fill };
    }),
    hooks: {
      drawClear: [behind],
      draw: [thresholdLine],
      setCursor: [(plot) => onCursor(plot.cursor.idx ?? undefined)],
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width < shortestDragPixels) return;
          const [from, to] = [plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')];
          plot.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
          onDrag(from * 1000, to * 1000);
        },
      ],
    },
  };
  const plot = new uPlot(options, [[], ...spec.lines.map(() => []), ...banded.flatMap(() => [[], []])], place);
  return {
    plot,
    show(columns, gaps, from, to) {
      shown.gaps = gaps;
      shown.from = from / 1000;
      shown.to = to / 1000;
      plot.setData([columns.times, ...columns.lines]);
    },
  };
}
