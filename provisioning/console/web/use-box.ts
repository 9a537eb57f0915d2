/** One box, its samples of the chosen time, and its events: asked for once, then kept fresh by what the stream tells. */
import { useEffect, useState } from 'preact/hooks';
import type { BoxDetail, FleetEvent, StoredSample } from '#contract/operator.js';
import { call } from './api.js';
import type { Live } from './live.js';
import { merge } from './series.js';

export const ranges = { '15m': 15 * 60_000, '1h': 3_600_000, '24h': 86_400_000, '7d': 7 * 86_400_000 } as const;
export type Range = keyof typeof ranges;

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

export function useBox(live: Live, id: string, range: Range): BoxView & { again: () => void } {
  const [view, setView] = useState<BoxView>({});
  const [turn, setTurn] = useState(0);

  useEffect(() => {
    const ending = new AbortController();
    const { signal } = ending;
    let known: readonly StoredSample[] | undefined;
    let wholeAt = 0;
    let gathering: ReturnType<typeof setTimeout> | undefined;

    const get = <T>(path: string) => live.watch(call<T>('GET', path, { signal }));

    async function load(): Promise<void> {
      const from = Date.now() - ranges[range];
      const newest = known?.at(-1);
      const isWhole = newest === undefined || Date.now() - wholeAt > wholeMilliseconds;
      try {
        const [box, samples] = await Promise.all([
          get<BoxDetail>(`/v1/boxes/${id}`),
          get<StoredSample[]>(`/v1/boxes/${id}/health?from=${isWhole ? from : newest.at + 1}&limit=1500`),
        ]);
        if (signal.aborted) return;
        if (isWhole) wholeAt = Date.now();
        known = isWhole ? samples : merge(known ?? [], samples, from);
        const shown = known;
        setView((before) => ({ ...before, box, samples: shown, error: undefined }));
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
      if (event && (event.box !== id || event.type === 'live')) return;
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
  }, [id, range, turn]);

  return { ...view, again: () => setTurn((count) => count + 1) };
}
