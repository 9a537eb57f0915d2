/**
 * Events of a box that kills itself with SIGKILL before one of its writes, or behind one: `node events-child.js FOLDER CUT`.
 * It starts, decides, tells, is acknowledged in part, and stops. Prints each write, counted from 1, `decided SERIAL` for
 * each entry of the ledger and `told HOURS` for each event that it was promised is kept.
 */
import { writeSync } from 'node:fs';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { createCommits, type Operation } from '#common/commits.js';
import { openDatabase } from '#common/database.js';
import { files } from '#common/files.js';
import type { Reporting } from '#contract/status.js';
import { createLedger, type Ledger } from '../../agent/consent/ledger.js';
import { type Book, openBook } from '../../agent/events/book.js';
import { createEvents, type Events } from '../../agent/events/events.js';
import { createTrustedTime, type TrustedTime } from '../../agent/time/trusted-time.js';

export const epoch = 'e'.repeat(16);

export interface EventsRig {
  book: Book;
  ledger: Ledger;
  clock: TrustedTime;
  events: Events;
  refused: string[];
  close(): Promise<void>;
}

export interface RigWish {
  folder: string;
  boot?: string;
  agent?: string;
  budgetBytes?: number;
  around?: (write: () => Promise<void>) => Promise<void>;
  sleep?: TrustedTime['sleep'];
  monotonic?: () => number;
  level?: () => Reporting;
  territory?: () => string | undefined;
  epoch?: () => string;
  isUsed?: boolean;
  lostSamples?: number;
  reason?: string;
}

/** Over its own store; not started. */
export async function openEventsRig(wish: RigWish): Promise<EventsRig> {
  const { folder, boot = 'one', agent = '1.0.0', budgetBytes = 1_000_000, around = (write) => write() } = wish;
  const db = await openDatabase(path.join(folder, 'store'), 1);
  const { commit } = createCommits(db);
  const store = { db, commit: (operations: readonly Operation[]) => around(() => commit(operations)) };
  const sleep = wish.sleep ?? systemClock.sleep;
  const clock = await createTrustedTime({
    ...{ file: path.join(folder, 'time.json'), files, boot, clock: { sleep } },
    monotonic: wish.monotonic ?? (() => performance.now()),
    releasedAt: Date.UTC(2026, 0, 1),
  });
  const ledger = await createLedger({ store, clock, isTimeKnown: clock.trusted });
  const itsEpoch = wish.epoch ?? (() => epoch);
  const book = await openBook({ store, epoch: itsEpoch(), budgetBytes, clock });
  const refused: string[] = [];
  const events = await createEvents({
    ...{ book, ledger, clock, ticks: { sleep }, epoch: itsEpoch, random: () => 0 },
    level: wish.level ?? (() => 'full'),
    territory: wish.territory ?? (() => 'au'),
    isUsed: wish.isUsed ?? false,
    start: { boot, agent, reason: wish.reason, lostSamples: wish.lostSamples ?? 0 },
    onRefused: ({ code }) => void refused.push(code),
  });
  return { book, ledger, clock, events, refused, close: () => db.close() };
}

if (process.argv[1]?.endsWith('events-child.js')) {
  const [, , folder = '', cut = '0'] = process.argv;
  let writes = 0;
  function moment(name: string): void {
    writes += 1;
    writeSync(1, `${writes} ${name}\n`);
    if (writes === Number(cut)) process.kill(process.pid, 'SIGKILL');
  }
  const { book, ledger, events, close } = await openEventsRig({
    folder,
    async around(write) {
      moment('before');
      await write();
      moment('after');
    },
  });
  await events.start();
  for (const serial of ['A', 'B']) {
    await ledger.append({ by: 'box', type: 'renewed', facts: { serial } });
    writeSync(1, `decided ${serial}\n`);
    const hours = serial.charCodeAt(0);
    await events.record({ type: 'network-back', facts: { hours } });
    writeSync(1, `told ${hours}\n`);
  }
  await book.acknowledge(2);
  await events.stop();
  await close();
  writeSync(1, 'closed\n');
}
