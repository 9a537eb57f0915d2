/** The charts of one box: what each reads from a sample, and in what unit. */
import type { MetricName } from '#contract/metrics.js';
import type { StoredSample } from '#contract/operator.js';
import { thresholds } from './care.js';
import { bytes, celsius, percent, rate } from './format.js';
import { gauge, leastOf, mostOf, perSecond, type Read } from './series.js';
import { texts } from './texts.js';

export interface ChartLine {
  name: string;
  read: Read;
  band?: { least: Read; most: Read };
}

export interface ChartSpec {
  id: string;
  title: string;
  /** What the value is a part of, as text. */
  whole: string | undefined;
  /** A value as text, with its unit; on the axis as well. */
  say: (value: number) => string;
  /** `band`: how far it went within what one point stands for. */
  lines: readonly ChartLine[];
  /** Top of the scale; by the values where it is not known. */
  ceiling: number | undefined;
  threshold: number | undefined;
  /** What steps of the axis are made of: 1024 for bytes. */
  base: 2 | 10;
}

const words = texts.box.charts;

const gaugeLine = (name: string, metric: MetricName): ChartLine => ({
  ...{ name, read: gauge(metric) },
  band: { least: leastOf(metric), most: mostOf(metric) },
});

/** The charts that these samples can fill. */
export function chartsFor(samples: readonly StoredSample[]): ChartSpec[] {
  const newest = samples.at(-1)?.values ?? {};
  const memory = newest['system.memory.limit'];
  const disk = newest['system.filesystem.limit'];
  const all: ChartSpec[] = [
    {
      id: 'cpu',
      title: words.cpu,
      whole: undefined,
      say: percent,
      lines: [gaugeLine(words.cpu, 'system.cpu.utilization')],
      ceiling: 1,
      threshold: undefined,
      base: 10,
    },
    {
      id: 'memory',
      title: words.memory,
      whole: memory === undefined ? undefined : bytes(memory),
      say: bytes,
      lines: [gaugeLine(words.memory, 'system.memory.usage')],
      ceiling: memory,
      threshold: memory === undefined ? undefined : memory * thresholds.memory,
      base: 2,
    },
    {
      id: 'temperature',
      title: words.temperature,
      whole: undefined,
      say: celsius,
      lines: [gaugeLine(words.temperature, 'hw.temperature')],
      ceiling: undefined,
      threshold: thresholds.temperature,
      base: 10,
    },
    {
      id: 'disk',
      title: words.disk,
      whole: disk === undefined ? undefined : bytes(disk),
      say: bytes,
      lines: [gaugeLine(words.disk, 'system.filesystem.usage')],
      ceiling: disk,
      threshold: disk === undefined ? undefined : disk * thresholds.disk,
      base: 2,
    },
    {
      id: 'network',
      title: words.network,
      whole: undefined,
      say: rate,
      lines: [
        { name: words.received, read: perSecond('system.network.io{network.io.direction=receive}') },
        { name: words.sent, read: perSecond('system.network.io{network.io.direction=transmit}') },
      ],
      ceiling: undefined,
      threshold: undefined,
      base: 10,
    },
  ];
  const fills = ({ lines }: ChartSpec) =>
    samples.some((sample, index) => lines.some(({ read }) => read(sample, samples[index - 1]) !== null));
  return all.filter(fills);
}
