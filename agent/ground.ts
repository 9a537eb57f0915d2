/** What every room of the agent stands on: its directories, its time, its store and its ledger. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from 'pino';
import { isErrno, ownDirectory } from '#common/files.js';
import { Refusal } from '#contract/problems.js';
import type { RestoreRoom } from './backup/switch.js';
import { restoreOf } from './backup-wiring.js';
import type { Config } from './config.js';
import { createLedger, type Ledger } from './consent/ledger.js';
import type { Host } from './host/host.js';
import { createRefusals, type Refusals } from './refusals.js';
import type { ResetRoom } from './reset/reset.js';
import { checkFree, openTime, resetOf } from './reset-wiring.js';
import { openStore, type Store } from './store/store.js';
import type { TrustedTime } from './time/trusted-time.js';

export interface Ground {
  readonly config: Config;
  readonly host: Host;
  readonly clock: TrustedTime;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly log: Logger;
  /** Aborts when the agent is stopped. */
  readonly signal: AbortSignal;
  /** Of the disk that the data directory is on. */
  freeBytes(): number;
  onRefused(refusal: Refusal): void;
}

export async function ownRuntimeDirectory(directory: string): Promise<void> {
  await mkdir(path.dirname(directory), { recursive: true }).catch((error: unknown) => {
    if (!isErrno(error, 'EEXIST')) throw new Refusal('directory-owner', directory, { cause: error });
  });
  await ownDirectory(directory);
}

/**
 * A reset that was asked for is done before anything is opened.
 * @throws Refusal `directory-owner`, `directory-in-use`, and those of `openStore`
 */
export async function openGround(
  config: Config,
  host: Host,
  { log, signal }: Pick<Ground, 'log' | 'signal'>,
): Promise<{ ground: Ground; refusals: Refusals; reset: ResetRoom; restoring: RestoreRoom }> {
  const { dataDir } = config;
  await ownDirectory(dataDir);
  await ownRuntimeDirectory(config.runtimeDir);
  const clock = await openTime(config, host);
  const refusals = createRefusals({ clock });
  const onRefused = (refusal: Refusal): void => {
    refusals.add(refusal);
    log.warn({ code: refusal.code, ...(refusal.cause ? { err: refusal.cause } : {}) }, refusal.message);
  };

  const reset = resetOf(config, host, clock, onRefused);
  if (await reset.isAskedFor()) await checkFree(dataDir);
  await reset.look().catch((error: unknown) => {
    if (!(error instanceof Refusal)) throw error;
    onRefused(error);
  });
  const wiped = await reset.perform();
  if (wiped) await clock.forget(); // a reset lowers the floor
  const restoring = restoreOf(config, host, clock, onRefused);
  if (await restoring.isAskedFor()) await checkFree(dataDir);
  const restored = await restoring.perform();
  const store = await openStore(dataDir);
  const ledger = await createLedger({ store, clock, isTimeKnown: clock.trusted }).catch(async (error: unknown) => {
    await store.close(); // whoever mends it needs it free
    throw error;
  });
  if (wiped) {
    const { kind, by } = wiped;
    if (!ledger.head()) await ledger.append({ by: 'box', type: kind, facts: { how: by } });
    await reset.close();
  }
  if (restored === 'undone') {
    onRefused(new Refusal('restore-impossible'));
    await ledger.append({ by: 'box', type: 'restore-undone' });
  }
  const freeBytes = (): number => host.freeBytes(dataDir);
  return {
    ground: { config, host, clock, store, ledger, log, signal, freeBytes, onRefused },
    refusals,
    reset,
    restoring,
  };
}
