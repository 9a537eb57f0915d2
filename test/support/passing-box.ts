/** A whole agent on a real store, whose clock is moved by hand: its days pass as fast as this machine can go. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Around, createAgent } from '../../agent/agent.js';
import type { Config } from '../../agent/config.js';
import { realHost } from '../../agent/host/host.js';
import type { ManualClock } from './manual-clock.js';

const patienceMilliseconds = 120_000;
const step = 5;

/** What the box does by itself, such as writing and sending, takes real time. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const began = performance.now();
  while (!(await holds())) {
    if (performance.now() - began > patienceMilliseconds) throw new Error(`waited in vain until ${what}`);
    await delay(1);
  }
}

export function passingBox(wish: Around & { config: Config; clock: ManualClock }) {
  const { config, clock, ...around } = wish;
  const began = clock.now();
  let isFull = false;
  const agent = createAgent(
    config,
    {
      ...realHost,
      clock,
      monotonic: () => clock.now() - began,
      /** A disk as large as this machine's, with as much on it as is wished. */
      async space(directory) {
        const found = await realHost.space(directory);
        return { ...found, freeBytes: found.totalBytes * (isFull ? 0.04 : 0.5), freeInodes: found.inodes / 2 };
      },
    },
    around,
  );
  const online = (): boolean => agent.status().link.online;
  const taken = (): number => agent.status().health.latest?.seq ?? 0;

  return {
    agent,
    online,
    /** The disk is nearly full from now on, or no longer. */
    setFull(is: boolean): void {
      isFull = is;
    },
    /** Time passes until the link is open; answers how many seconds. */
    async connect(): Promise<number> {
      for (let seconds = 0; ; seconds += step) {
        for (let looks = 0; looks < 20 && !online(); looks += 1) await delay(5); // what an attempt takes is real time
        if (online()) return seconds;
        if (seconds > 1800)
          throw new Error(`the box does not come online: ${JSON.stringify(agent.status().refusals.slice(0, 3))}`);
        await clock.pass(step * 1000);
      }
    },
    /** So many samples, each taken and stored; at the end all of them are the provider's. */
    async pass(samples: number): Promise<void> {
      for (let sample = 0; sample < samples; sample += 1) {
        const before = taken();
        await clock.pass(config.health.intervalSeconds * 1000);
        await until('a sample is taken', () => taken() > before);
      }
      if (!online()) return;
      agent.rooms().link.flush();
      await until('the provider has all samples', () => agent.status().health.waiting === 0);
    },
  };
}
