/** Says early what will run out: once a day while it is near, and always in `/metrics`. */
import type { Clock } from '#common/clock.js';

export interface Ending {
  /** A label of few values: `root`, `issuing`, `server`, `broker`, `crl`, `members`. */
  what: string;
  /** Milliseconds since 1970. */
  at: number;
}

export interface ExpiryWatch {
  start(): void;
  stop(): Promise<void>;
  /** Seconds that are left; below zero when it has run out. */
  left(): { what: string; seconds: number }[];
}

const day = 86_400_000;
/** What renews itself is near its end only when that has failed for long. */
const near: Record<string, { days: number; remedy: string }> = {
  root: { days: 3 * 365, remedy: 'make a new one: webizen-provider ca roll root' },
  issuing: { days: 365, remedy: 'make a new one: webizen-provider ca roll issuing' },
  server: { days: 200, remedy: 'it should have been renewed: see the log of the provider' },
  broker: { days: 60, remedy: 'run webizen-provider broker config again and restart the broker' },
  crl: { days: 3, remedy: 'it should have been made anew: see the log of the provider' },
  members: { days: 3, remedy: 'the status lists should have been made anew: see the log of the provider' },
};

export function createExpiryWatch({
  clock,
  events,
  endings,
}: {
  clock: Clock;
  events: { record(event: { type: string; text: string }): void };
  endings: () => Ending[];
}): ExpiryWatch {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  function warn(): void {
    for (const { what, at } of endings()) {
      const days = Math.floor((at - clock.now()) / day);
      const limit = near[what];
      if (!limit || days >= limit.days) continue;
      const when = days < 0 ? 'has run out' : `runs out in ${days} days`;
      events.record({ type: 'expiry', text: `the certificate or list "${what}" ${when}: ${limit.remedy}` });
    }
  }

  return {
    start() {
      running ??= (async () => {
        while (!stopping.signal.aborted) {
          warn();
          await clock.sleep(day, stopping.signal);
        }
      })();
    },
    async stop() {
      stopping.abort();
      await running;
    },
    left: () => endings().map(({ what, at }) => ({ what, seconds: Math.round((at - clock.now()) / 1000) })),
  };
}
