/** The room that looks after a box's network, over a machine's network in a folder and a clock that a test moves. */
import path from 'node:path';
import type { Clock } from '#common/clock.js';
import { type Files, files } from '#common/files.js';
import type { Refusal } from '#contract/problems.js';
import type { NetworkHost } from '../../agent/host/network.js';
import { createNetwork, type NetworkRoom } from '../../agent/network/network.js';
import { openProfiles } from '../../agent/network/profiles.js';
import type { OwnerNetwork } from '../../agent/owner/features.js';
import { createManualClock, type ManualClock } from './manual-clock.js';

export const ownPassword = 'k7q2m-9fx0d-3htzw';

export async function openNetworkRoom(
  folder: string,
  wish: {
    host: NetworkHost;
    directory: string;
    ticks: Clock;
    files?: Files;
    isOwned?: boolean;
    password?: string | null;
  },
) {
  const home = path.join(folder, 'network');
  const refused: Refusal[] = [];
  const used = wish.files ?? files;
  const profiles = await openProfiles({ files: used, directory: wish.directory, home });
  const room = createNetwork({
    ...{ host: wish.host, profiles, files: used, home, ticks: wish.ticks },
    boxName: 'webizen-7k3f',
    password: () => (wish.password === null ? undefined : (wish.password ?? ownPassword)),
    isOwned: () => wish.isOwned ?? false,
    onRefused: (refusal) => void refused.push(refusal),
  });
  return { room, profiles, refused };
}

/** Resolves once this holds; looked at whenever the room tells of a change. */
export function until(room: NetworkRoom, holds: () => boolean): Promise<void> {
  if (holds()) return Promise.resolve();
  return new Promise((resolve) => {
    const end = room.onChange(() => {
      if (!holds()) return;
      end();
      resolve();
    });
  });
}

/** So long, look by look: the room has ended each before the next begins. */
export async function pass(clock: ManualClock, milliseconds: number): Promise<void> {
  const end = clock.now() + milliseconds;
  for (;;) {
    const next = await clock.sleeping();
    if (clock.now() + next > end) break;
    clock.advance(next);
  }
  clock.advance(end - clock.now());
  await clock.sleeping();
}

/** What was chosen is tried to its end: the room waits for a moment first, beside its looks. */
export async function tried(room: NetworkRoom, clock: ManualClock): Promise<void> {
  while (clock.held().sleepers < 2) await new Promise((resolve) => setImmediate(resolve));
  clock.advance(2000);
  await until(room, () => room.view().wifi?.trying === null);
}

export const newClock = (): ManualClock => createManualClock(1000);

/** As the console is handed it, without a ledger. */
export const networkFeature = (room: NetworkRoom): OwnerNetwork => ({
  ...room,
  choose: (wish) => room.choose(wish),
  forget: () => room.forget(),
});
