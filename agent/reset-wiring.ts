/** Reset, wired: it runs before anything else is opened, and without an agent too. */
import path from 'node:path';
import { ownDirectory } from '#common/files.js';
import { releasedAt } from '#common/version.js';
import { Refusal } from '#contract/problems.js';
import type { Config } from './config.js';
import { leaveNow } from './enrolment/leave-now.js';
import { factoryPlaces } from './factory/places.js';
import type { Host } from './host/host.js';
import { openIdentity } from './identity/identity.js';
import { createReset, type ResetKind, type ResetRoom } from './reset/reset.js';
import { openStore } from './store/store.js';
import { bootId } from './time/boot.js';
import { createTrustedTime, type TrustedTime } from './time/trusted-time.js';

export async function openTime({ dataDir }: Config, host: Host): Promise<TrustedTime> {
  return createTrustedTime({
    file: path.join(dataDir, 'time.json'),
    files: host.files,
    clock: host.clock,
    monotonic: host.monotonic,
    boot: await bootId(host),
    releasedAt,
  });
}

export function resetOf(
  config: Config,
  { files }: Host,
  clock: TrustedTime,
  onRefused: (refusal: Refusal) => void,
  renewVolume?: () => Promise<void>,
): ResetRoom {
  const { dataDir, bootDir } = config;
  return createReset({
    dataDir,
    bootDir,
    files,
    clock,
    ...(renewVolume && { renewVolume }),
    leave: (reason) =>
      leaveNow({
        dataDir,
        files,
        clock,
        reason,
        openIdentity: (directory) => openIdentity({ directory, files }),
        onRefused,
      }).catch((error: unknown) =>
        onRefused(error instanceof Refusal ? error : new Refusal('internal', undefined, { cause: error })),
      ),
    // The file alone: what else the factory gave may be what is broken.
    async spendVoucher() {
      const places = factoryPlaces(dataDir);
      await ownDirectory(places.directory);
      await files.write(places.voucherSpent, JSON.stringify({ at: clock.now() }), 0o600);
    },
  });
}

/** Opening the store is how to know that no agent has it; a damaged one is a reason to reset. @throws Refusal `directory-in-use` */
export async function checkFree(dataDir: string): Promise<void> {
  const store = await openStore(dataDir).catch((error: unknown) => {
    if (error instanceof Refusal && error.code === 'directory-in-use') throw error;
    return undefined;
  });
  await store?.close();
}

/** For `webizen-agent reset`, when no agent runs. @throws Refusal `directory-in-use` */
export async function resetOffline(
  config: Config,
  host: Host,
  kind: ResetKind,
  onRefused: (refusal: Refusal) => void,
): Promise<void> {
  await ownDirectory(config.dataDir);
  await checkFree(config.dataDir);
  const reset = resetOf(config, host, await openTime(config, host), onRefused);
  await reset.ask({ kind, by: 'command' });
  await reset.perform();
}
