/** The agent itself: its memory, how busy its event loop is, and how late it was at worst. */
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { round } from './numbers.js';
import type { Measured } from './values.js';

/** The timer that measures the delay wakes once a second: 10 ms, as is usual, would wake the processor without need. */
const resolutionMilliseconds = 1000;

export interface OwnProcess {
  read(): Measured;
  stop(): void;
}

/** Since the sample before. */
export function watchOwnProcess(): OwnProcess {
  const delay = monitorEventLoopDelay({ resolution: resolutionMilliseconds });
  let before = performance.eventLoopUtilization();
  delay.enable();
  return {
    read() {
      const now = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(now, before);
      before = now;
      // What is recorded is from one tick to the next: the second between them is no delay.
      const late = delay.count > 0 ? Math.max(0, delay.max / 1e9 - resolutionMilliseconds / 1000) : undefined;
      delay.reset();
      return {
        'process.memory.usage': process.memoryUsage.rss(),
        'nodejs.eventloop.utilization': round(utilization, 3),
        'nodejs.eventloop.delay.max': late === undefined ? undefined : round(late, 3),
      };
    },
    stop: () => void delay.disable(),
  };
}
