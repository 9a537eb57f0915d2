/** The ledger of a box whose agent does not run. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { LedgerExport } from '#contract/ledger.js';
import { Refusal } from '#contract/problems.js';
import type { Config } from './config.js';
import { createLedger } from './consent/ledger.js';
import type { Host } from './host/host.js';
import { openTime } from './reset-wiring.js';
import { openStore } from './store/store.js';

/** @throws Refusal `directory-in-use`, `ledger-missing` when the box has no store yet */
export async function ledgerOffline(config: Config, host: Host): Promise<LedgerExport> {
  if (!existsSync(path.join(config.dataDir, 'store'))) throw new Refusal('ledger-missing', config.dataDir);
  const clock = await openTime(config, host);
  const store = await openStore(config.dataDir);
  try {
    return await (await createLedger({ store, clock, isTimeKnown: clock.trusted })).export();
  } finally {
    await store.close();
  }
}
