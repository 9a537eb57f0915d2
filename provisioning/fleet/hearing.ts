/**
 * What the control process hears where workers store what boxes say: who is here. It keeps a session of its own at the
 * broker for that, and writes nothing of it; the workers do, and tell it as events.
 */
import type { Clock } from '#common/clock.js';
import type { LedgerHead } from '#contract/ledger.js';
import type { ProblemCode } from '#contract/problems.js';
import type { FleetStore } from '../store/fleet.js';
import type { EventLog } from './events.js';
import type { Ingest } from './ingest.js';
import { createPresence } from './presence.js';
import { createQuota } from './quota.js';
import { read } from './read.js';

export type Hearing = Omit<Ingest, 'forget'>;

const retryMilliseconds = 1000;
/** A head that no worker has stored by then is told of with the next birth. */
const looks = 60;
/** The newest of each box; beyond it the oldest wait for their next birth. */
const mostHeads = 50_000;
const headsAtOnce = 500;

export function createHearing(parts: {
  fleet: Pick<FleetStore, 'lives' | 'commit'>;
  events: Pick<EventLog, 'announce' | 'refused' | 'compose'>;
  clock: Clock;
  refusal: (box: string) => ProblemCode | undefined;
  /** The head of a box's ledger is on the disk. */
  onHead: (box: string, head: LedgerHead) => void;
}): Hearing {
  const { fleet, events, clock, refusal, onHead } = parts;
  const stopping = new AbortController();
  const quota = createQuota({ clock, burst: 100, perMinute: 20 });
  // For whoever looks at a page now. What is stored of it, the workers have stored.
  const presence = createPresence({ events: { ...events, record: events.announce }, quota });
  const heads = new Map<string, { head: LedgerHead; looks: number }>();
  let messages = 0;
  let looking: Promise<void> | undefined;

  async function lookOnce(): Promise<void> {
    const some = [...heads].slice(0, headsAtOnce);
    const lives = await fleet.lives(some.map(([box]) => box));
    for (const [box, wanted] of some) {
      if (heads.get(box) !== wanted) continue; // a newer one waits by now
      heads.delete(box);
      const { ledger, length, hash } = wanted.head;
      const stored = lives.get(box)?.ledgers?.find((one) => one.ledger === ledger);
      if (stored?.length === length && stored.hash === hash) onHead(box, wanted.head);
      else if (wanted.looks + 1 < looks && heads.size < mostHeads)
        heads.set(box, { ...wanted, looks: wanted.looks + 1 }); // behind the others
    }
  }

  async function look(): Promise<void> {
    while (heads.size > 0 && !stopping.signal.aborted) {
      const before = heads.size;
      await lookOnce().catch(() => {}); // the database is away: they wait
      if (heads.size >= before || heads.size < headsAtOnce) await clock.sleep(retryMilliseconds, stopping.signal);
    }
  }

  function expect(box: string, head: LedgerHead): void {
    heads.delete(box);
    if (heads.size >= mostHeads) return;
    heads.set(box, { head, looks: 0 });
    looking ??= look().finally(() => {
      looking = undefined;
    });
  }

  return {
    async receive({ box, topic, payload }) {
      messages += 1;
      const code = refusal(box);
      if (code) return events.refused(code, { box, detail: `${box}: what it says is dropped` });
      const said = read(topic, payload);
      if (said.kind !== 'status') return; // what cannot be read, a worker refuses
      if (said.value.kind === 'death')
        return presence.died(
          box,
          said.value.session,
          said.value.reason === 'stopped' ? 'stopped' : 'the connection was lost',
        );
      presence.born(box, said.value.session, said.value.agent);
      if (said.value.ledger) expect(box, said.value.ledger);
    },
    left(box) {
      presence.left(box);
      const online = new Map([[box, false]]);
      fleet.commit({ samples: [], lives: new Map(), events: [], online, fences: [] }).catch(() => {}); // its will says it too
    },
    online: presence.online,
    counts: () => ({ online: presence.count(), rounds: 0, messages, samples: 0, duplicates: 0 }),
    async stop() {
      stopping.abort();
      await looking;
    },
  };
}
