/** The room of leases: the book, the gate, and what apps see of them. */
import type { Clock } from '#common/clock.js';
import type { Database, Operation } from '#common/commits.js';
import type { Refusal } from '#contract/problems.js';
import type { Ledger } from '../consent/ledger.js';
import { openBook } from './book.js';
import { createGate, type RebootHolds, type UpdateHolds } from './gate.js';
import { createLeases, type Leases } from './leases.js';

export interface LeaseRoom {
  /** For apps. */
  leases: Leases;
  updates: UpdateHolds;
  reboot: RebootHolds;
  start(): void;
  stop(): Promise<void>;
}

export async function openLeases(wish: {
  store: { db: Database; commit(operations: readonly Operation[]): Promise<void> };
  ledger: Pick<Ledger, 'decide'>;
  clock: Clock & {
    /** Whether the time is authenticated, in this boot. */
    trusted(): boolean;
  };
  /** Milliseconds that only ever go forward, in that boot. */
  monotonic: () => number;
  boot: string;
  announce: (app: string, update: { version: string; seconds: number }) => boolean;
  onRefused: (refusal: Refusal) => void;
}): Promise<LeaseRoom> {
  const { clock, monotonic, boot } = wish;
  const tick = () => ({ boot, monotonic: monotonic(), at: clock.trusted() ? clock.now() : null });
  const book = await openBook({ ...wish, tick });
  const gate = createGate({ ...wish, book });
  return {
    leases: createLeases({ book, gate, clock }),
    updates: gate.updates,
    reboot: gate.reboot,
    start: () => book.start(),
    stop: () => book.stop(),
  };
}
