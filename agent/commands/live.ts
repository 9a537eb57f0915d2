/** Samples each second while the provider looks on: at QoS 0, kept by nobody, and over by itself. */
import type { Clock } from '#common/clock.js';
import { type Command, type LiveSample, LiveWish, mostLiveSeconds } from '#contract/commands.js';
import { check } from '#contract/parse.js';

export interface Live {
  /** Ends the one before. Answers until when, by the clock. */
  begin(command: Command): number;
  until(): number | undefined;
  end(): void;
  stop(): Promise<void>;
}

const betweenMilliseconds = 1000;

export function createLive({
  sample,
  publish,
  epoch,
  clock,
  onChange,
}: {
  sample: () => Promise<LiveSample['values']>;
  /** Dropped where there is no session. */
  publish: (sample: LiveSample) => void;
  epoch: () => string;
  clock: Clock;
  onChange: () => void;
}): Live {
  let current: { over: AbortController; until: number } | undefined;
  const running = new Set<Promise<void>>();

  function end(): void {
    current?.over.abort();
    current = undefined;
  }

  async function run(command: string, times: number, over: AbortController): Promise<void> {
    // Counted, not timed: a clock that is set makes it neither longer nor shorter.
    for (let left = times; left > 0 && !over.signal.aborted; left -= 1) {
      const values = await sample().catch(() => undefined); // the sampler tells what is wrong with the probe
      if (over.signal.aborted) return;
      if (values) publish({ command, epoch: epoch(), at: clock.now(), values });
      await clock.sleep(betweenMilliseconds, over.signal);
    }
    if (current?.over !== over) return;
    current = undefined;
    onChange();
  }

  return {
    begin({ id, parameters }) {
      end();
      const wish = check(LiveWish, parameters);
      const seconds = Math.min(wish.ok ? wish.value.seconds : mostLiveSeconds, mostLiveSeconds);
      const over = new AbortController();
      current = { over, until: clock.now() + seconds * 1000 };
      const { until } = current;
      const mine = run(id, seconds, over).finally(() => running.delete(mine));
      running.add(mine);
      return until;
    },
    until: () => current?.until,
    end,
    async stop() {
      end();
      await Promise.all(running);
    },
  };
}
