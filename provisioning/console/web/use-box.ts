/** One box, its samples of the chosen time, and its events: asked for once, then kept fresh by what the stream tells. */
import { useEffect, useState } from 'preact/hooks';
import type { BoxDetail, FleetEvent, StoredSample } from '#contract/operator.js';
import { call } from './api.js';
import type { Live } from './live.js';
import { merge } from './series.js';
import type { Span } from './span.js';

export interface BoxView {
  box?: BoxDetail;
  samples?: readonly StoredSample[];
  events?: readonly FleetEvent[];
  error?: unknown;
}

/** What came late lies before the newest sample, so now and then the whole is asked for again. */
const wholeMilliseconds = 5 * 60_000;
const gatherMilliseconds = 300;
const keptEvents = 100;
/** More than a chart has pixels. The provider thins what is more, or answers in steps of minutes and hours. */
const mostSamples = 1500;

export function useBox(live: Live, id: string, span: Span): BoxView & { again: () => void } {
  const [view, setView] = useState<BoxView>({});
  const [turn, setTurn] = useState(0);
  const key = span.kind === 'last' ? span.milliseconds : `${span.from} ${span.to}`;

  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    let known: readonly StoredSample[] | undefined;
    let wholeAt = 0;
    let gathering: ReturnType<typeof setTimeout> | undefined;

    const get = <T>(path: string) => live.watch(call<T>('GET', path, { signal }));
    const between = (from: number, to: number | undefined) =>
      get<StoredSample[]>(
        `/v1/boxes/${id}/health?from=${from}${to === undefined ? '' : `&to=${to}`}&limit=${mostSamples}`,
      );

    /** Only what is new, where nothing can have changed before it. */
    async function loadSamples(): Promise<readonly StoredSample[]> {
      const from = span.kind === 'last' ? Date.now() - span.milliseconds : span.from;
      const to = span.kind === 'last' ? undefined : span.to;
      const newest = known?.at(-1);
      const isWhole = newest === undefined || Date.now() - wholeAt > wholeMilliseconds;
      if (!isWhole && to !== undefined) return known ?? [];
      const samples = await between(isWhole ? from : newest.at + 1, to);
      if (isWhole) wholeAt = Date.now();
      known = isWhole ? samples : merge(known ?? [], samples, from);
      return known;
    }

    async function load(): Promise<void> {
      try {
        const [box, samples] = await Promise.all([get<BoxDetail>(`/v1/boxes/${id}`), loadSamples()]);
        if (!signal.aborted) setView((before) => ({ ...before, box, samples, error: undefined }));
      } catch (error) {
        if (!signal.aborted) setView((before) => ({ ...before, error }));
      }
    }

    async function loadEvents(): Promise<void> {
      try {
        const events = await get<FleetEvent[]>(`/v1/events?box=${id}`);
        if (!signal.aborted) setView((before) => ({ ...before, events }));
      } catch {
        // the error of `load` says it
      }
    }

    function loadSoon(): void {
      gathering ??= setTimeout(() => {
        gathering = undefined;
        void load();
      }, gatherMilliseconds);
    }

    void load();
    void loadEvents();
    const forget = live.onEvent((event) => {
      if (event && event.box !== id) return;
      loadSoon();
      if (!event) void loadEvents();
      else if (event.type !== 'health')
        setView((before) => ({
          ...before,
          events: [...(before.events ?? []).filter((other) => other.id !== event.id), event].slice(-keptEvents),
        }));
    });
    return () => {
      ending.abort();
      forget();
      clearTimeout(gathering);
    };
  }, [id, key, turn]);

  return { ...view, again: () => setTurn((count) => count + 1) };
}
