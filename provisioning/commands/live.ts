/** Live views that are open: what a box says on `up/live` is shown to whoever looks on, and stored nowhere. */
import type { Clock } from '#common/clock.js';
import { LiveSample, LiveWish, mostLiveSeconds } from '#contract/commands.js';
import { check, parseJson } from '#contract/parse.js';
import type { EventLog } from '../fleet/events.js';
import type { Quota } from '../fleet/quota.js';

export interface LiveViews {
  /** A box was asked for one. */
  expect(command: { box: string; id: string; kind: string; parameters: Record<string, unknown> }): void;
  /** Dropped where nobody asked for it, where it comes too fast, and where it cannot be read. */
  receive(box: string, payload: Buffer): void;
  end(box: string): void;
  counts(): { open: number; dropped: number };
}

/** A box may take the command late, by that much. */
const slackMilliseconds = 60_000;
const mostViews = 1000;

export function createLiveViews({
  events,
  quota,
  clock,
}: {
  events: EventLog;
  /** One sample a second, and a little more. */
  quota: Quota;
  clock: Clock;
}): LiveViews {
  const views = new Map<string, { command: string; until: number }>();
  let dropped = 0;

  return {
    expect({ box, id, kind, parameters }) {
      if (kind !== 'live') return;
      for (const [other, { until }] of views) if (until < clock.now()) views.delete(other);
      if (views.size >= mostViews) return;
      const wish = check(LiveWish, parameters);
      const seconds = wish.ok ? wish.value.seconds : mostLiveSeconds;
      views.set(box, { command: id, until: clock.now() + seconds * 1000 + slackMilliseconds });
    },
    receive(box, payload) {
      const view = views.get(box);
      const isOpen = view !== undefined && clock.now() < view.until;
      const read = isOpen && quota.take(box) ? parseJson(LiveSample, payload) : undefined;
      if (!read?.ok || read.value.command !== view?.command) {
        dropped += 1;
        return;
      }
      const { at, values } = read.value;
      events.announce({ type: 'live', box, text: `live at ${new Date(at).toISOString()}`, values });
    },
    end: (box) => void views.delete(box),
    counts: () => ({ open: [...views.values()].filter(({ until }) => until > clock.now()).length, dropped }),
  };
}
