/** The rooms of an agent that update its system, over one folder and the machine in it: all real but the machine. */
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import type { OsKeys, OsSelection } from '#contract/os-release.js';
import { Refusal } from '#contract/problems.js';
import { createChanges } from '../../agent/changes/changes.js';
import { createLedger } from '../../agent/consent/ledger.js';
import { createLeft } from '../../agent/host/left.js';
import { openLeases } from '../../agent/leases/open.js';
import { openStore } from '../../agent/store/store.js';
import type { Before, GateLimits } from '../../agent/updates/gate.js';
import { createUpdates, type OsSource, type UpdatesParts } from '../../agent/updates/updates.js';
import { inPieces } from './archive.js';
import { nameOf } from './installing.js';
import { machineIn, twoSlots } from './two-slots.js';

/** Sleeps as long as it takes; what time it is, a test says. */
export function jumpingClock() {
  let offset = 0;
  let isKnown = true;
  let jumped = new AbortController();
  const now = (): number => systemClock.now() + offset;
  return {
    now,
    sleep: systemClock.sleep,
    trusted: () => isKnown,
    async until(moment: number, signal?: AbortSignal): Promise<void> {
      while (!signal?.aborted && now() < moment) {
        const either = signal ? AbortSignal.any([signal, jumped.signal]) : jumped.signal;
        await systemClock.sleep(moment - now(), either);
      }
    },
    jump(milliseconds: number) {
      offset += milliseconds;
      const before = jumped;
      jumped = new AbortController();
      before.abort();
    },
    know(known: boolean) {
      isKnown = known;
    },
  };
}
export type JumpingClock = ReturnType<typeof jumpingClock>;

/** What a child reads: a catalogue in files. */
export interface OsShelf {
  keys: OsKeys;
  selection: OsSelection | null;
  bundle: string;
}

export const shelfSource = (shelf: OsShelf, at: (name: string) => void = () => {}): OsSource => ({
  selected: async () => shelf.selection ?? undefined,
  pieces: () => ({
    async read(first, end) {
      at(first === 0 ? 'before the first part' : 'before a part');
      return (await readFile(shelf.bundle)).subarray(first, end);
    },
    close() {},
  }),
  octets: () => async (from) => {
    const bytes = (await readFile(shelf.bundle)).subarray(from);
    return (async function* () {
      const half = Math.ceil(bytes.length / 2);
      yield bytes.subarray(0, half);
      at('before the second half of the bundle');
      yield bytes.subarray(half);
    })();
  },
});

export const quickGate: GateLimits = { limitMilliseconds: 600_000, settledMilliseconds: 0, pauseMilliseconds: 10 };
/** For a system on which something does not work. */
export const shortGate: GateLimits = { ...quickGate, limitMilliseconds: 500, settledMilliseconds: 60_000 };

/** What the machine says of a system that it left. */
export const leftIn = (folder: string): string => path.join(folder, 'left');

export interface OsBoxWish {
  folder: string;
  keys: OsKeys;
  source: OsSource;
  at?: (name: string) => void;
  /** The machine is to restart: the agent is stopped, or ends, from outside. */
  reboot: () => void;
  clock?: JumpingClock;
  limits?: GateLimits;
  before?: () => Before;
  more?: Partial<UpdatesParts>;
}

export async function osBox(wish: OsBoxWish) {
  const { folder, at = () => {}, clock = jumpingClock() } = wish;
  const refused: Refusal[] = [];
  const onRefused = (refusal: Refusal): void => void refused.push(refusal);
  const dataDir = path.join(folder, 'data');
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const opened = await openStore(dataDir);
  const store = {
    ...opened,
    async commit(operations: Parameters<typeof opened.commit>[0]) {
      at(`before commit ${nameOf(operations)}`);
      await opened.commit(operations);
    },
  };
  const { boots, startedAt } = machineIn(folder);
  const monotonic = (): number => Date.now() - startedAt;
  const ledger = await createLedger({ store, clock });
  const boot = `boot-${boots}`;
  const leases = await openLeases({ store, ledger, clock, monotonic, boot, announce: () => false, onRefused });
  leases.start();
  const conditions = { hot: false, weak: false };
  let good = 0;
  let proved = (): void => {};
  const isProved = new Promise<void>((resolve) => {
    proved = resolve;
  });
  const updates = await createUpdates({
    ...{ store, ledger, clock, monotonic, boot, onRefused },
    os: twoSlots(folder, at),
    pinned: wish.keys,
    source: wish.source,
    changes: () => changes,
    holds: { ask: leases.reboot.ask, end: leases.reboot.end, onChange: leases.leases.onChange },
    conditions: { isTooHot: () => conditions.hot, isPowerWeak: () => conditions.weak },
    before: wish.before ?? (() => ({ apps: ['example.visits'], isOnline: true })),
    async health(before) {
      at('before a look at health');
      const { booted, slots } = machineIn(folder);
      const { ill } = slots[booted].behaviour;
      return ill === undefined || before.apps.length === 0 ? [] : [ill];
    },
    limits: wish.limits ?? quickGate,
    left: createLeft(files, leftIn(folder)),
    async reboot() {
      at('before reboot');
      wish.reboot();
    },
    directory: path.join(dataDir, 'os'),
    freeBytes: () => 1e12,
    async onGood() {
      good += 1;
      proved();
    },
    ...wish.more,
  });
  const changes = createChanges({ store, clock, kinds: updates.kinds, onRefused });
  await changes.start();
  await updates.start();
  return {
    ...{ updates, changes, ledger, leases, refused, conditions, clock, dataDir },
    good: () => good,
    /** Resolves when what runs has proved itself. */
    isProved,
    /** Resolves when the view of the system is so. */
    until(holds: (view: ReturnType<typeof updates.owner.view>) => boolean): Promise<void> {
      return new Promise((resolve) => {
        const look = (): void => {
          if (!holds(updates.owner.view())) return;
          end();
          resolve();
        };
        const end = updates.owner.onChange(look);
        look();
      });
    },
    async close() {
      await updates.stop();
      await changes.stop();
      await leases.stop();
      await store.close();
    },
  };
}
export type OsBox = Awaited<ReturnType<typeof osBox>>;

/** A catalogue in this process whose answers a test changes. */
export function osCatalogue() {
  const now = {
    selection: undefined as OsSelection | undefined,
    bytes: Buffer.alloc(0) as Buffer,
    /** Ends there, once. */
    cutAt: undefined as number | undefined,
    isOff: false,
    /** Gives the whole for each part. */
    hasNoRange: false,
    /** What becomes of a part on its way. */
    altered: (bytes: Buffer, _first: number): Buffer | Promise<Buffer> => bytes,
  };
  const asked: number[] = [];
  const parts: { first: number; end: number }[] = [];
  const source: OsSource = {
    async selected() {
      if (now.isOff) throw new Refusal('est-unreachable', 'off');
      return now.selection;
    },
    octets: () => async (from) => {
      if (now.isOff) throw new Refusal('est-unreachable', 'off');
      asked.push(from);
      const end = now.cutAt;
      now.cutAt = undefined;
      return inPieces(now.bytes.subarray(from, end), 10_000);
    },
    pieces: () => ({
      async read(first, end, signal) {
        if (now.isOff) throw new Refusal('est-unreachable', 'off');
        parts.push({ first, end });
        const over = new AbortController();
        const aborted = once(signal, 'abort', over).then(() => {
          throw new Refusal('est-unreachable', 'aborted');
        });
        aborted.catch(() => {}); // told by the race
        try {
          return await Promise.race([now.altered(now.bytes.subarray(first, end), first), aborted]);
        } finally {
          over.abort();
        }
      },
      close() {},
    }),
  };
  return { now, asked, parts, source };
}
