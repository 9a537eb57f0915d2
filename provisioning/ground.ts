/** What every part of a running provider stands on. */
import type { FastifyBaseLogger } from 'fastify';
import type { Clock } from '#common/clock.js';

export interface Ground {
  readonly clock: Clock;
  readonly log: FastifyBaseLogger;
  /** Ends what has just been started; what was started last is ended first. */
  onStop(end: () => Promise<void> | void): void;
}
