/** The time that the charts show: the last so long, which moves on, or from one time to another. Pure. */
export type Span = { kind: 'last'; milliseconds: number } | { kind: 'fixed'; from: number; to: number };

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
export const presets = {
  '15m': 15 * minute,
  '1h': hour,
  '24h': day,
  '7d': 7 * day,
  '30d': 30 * day,
  '1y': 365 * day,
} as const;
export type Preset = keyof typeof presets;

export const lastOf = (preset: Preset): Span => ({ kind: 'last', milliseconds: presets[preset] });

export function presetOf(span: Span): Preset | undefined {
  if (span.kind !== 'last') return undefined;
  return (Object.keys(presets) as Preset[]).find((preset) => presets[preset] === span.milliseconds);
}

/** A minute at least: there is one sample in it. Two years at most: nothing is kept for longer, unless it is set so. */
const [shortest, longest] = [minute, 730 * day];

export const endsOf = (span: Span, now: number): { from: number; to: number } =>
  span.kind === 'fixed' ? span : { from: now - span.milliseconds, to: now };

/** What reaches now moves on with it again. */
function settle(from: number, to: number, now: number): Span {
  const length = Math.min(longest, Math.max(shortest, Math.round(to - from)));
  const end = Math.round(to);
  if (end >= now) return { kind: 'last', milliseconds: length };
  return { kind: 'fixed', from: end - length, to: end };
}

export const between = (from: number, to: number, now: number): Span =>
  Math.round(to) >= now
    ? { kind: 'last', milliseconds: Math.min(longest, Math.max(shortest, now - Math.round(from))) }
    : settle(from, to, now);

/** As long as it is, until now. */
export const untilNow = (span: Span, now: number): Span => {
  const { from, to } = endsOf(span, now);
  return { kind: 'last', milliseconds: to - from };
};

/** By half of what is seen; to the left is negative. */
export function moved(span: Span, halves: number, now: number): Span {
  const { from, to } = endsOf(span, now);
  const by = (halves * (to - from)) / 2;
  return settle(from + by, to + by, now);
}

/** Around the middle; the newest stays where it is seen. */
export function zoomed(span: Span, factor: number, now: number): Span {
  const { from, to } = endsOf(span, now);
  const length = (to - from) * factor;
  if (span.kind === 'last') return settle(now - length, now, now);
  const middle = (from + to) / 2;
  return settle(middle - length / 2, middle + length / 2, now);
}
