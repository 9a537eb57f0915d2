/** A system that runs and is not on trial has proved itself before: the boot loader's count of tries begins anew. */
import type { Clock } from '#common/clock.js';
import { Refusal } from '#contract/problems.js';
import type { OsHost, Slots } from '../host/slots.js';
import type { OsBook } from './book.js';
import type { LocalHealth } from './gate.js';

const pause = 60_000;

/** Ends when it is marked good, cannot be, or the gate of an update does that. */
export async function markSettled(parts: {
  book: OsBook;
  clock: Clock;
  os: Pick<OsHost, 'markGood'>;
  slots(): Promise<Slots>;
  /** Whether the gate is still before what runs. */
  isOnTrial(booted: string): boolean;
  health: LocalHealth;
  onGood(): Promise<void>;
  signal: AbortSignal;
  onFault(error: unknown): void;
}): Promise<void> {
  const { book, clock, os, signal } = parts;
  const before = { apps: [], isOnline: false };
  while (!signal.aborted) {
    try {
      const { booted } = await parts.slots();
      if (parts.isOnTrial(booted.name)) return;
      const faults = await parts.health(before, signal);
      if (faults.length > 0) throw new Refusal('os-unhealthy', faults.join('; '));
      await os.markGood(booted.name);
      const { version } = booted;
      await book.set(() => (version === undefined ? {} : { floor: version }));
      await parts.onGood();
      return;
    } catch (error) {
      if (signal.aborted) return;
      parts.onFault(error);
      if (error instanceof Refusal && error.code === 'os-unsupported') return;
      await clock.sleep(pause, signal);
    }
  }
}
