/** What the agent kept, opened by its own code: the store, the ledger's chain, the apps' storage, the outbox. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { inspect } from 'node:util';
import { systemClock } from '#common/clock.js';
import { files } from '#common/files.js';
import { verifyLedger } from '#contract/ledger-chain.js';
import { createLedger } from '../../../agent/consent/ledger.js';
import { createOutbox } from '../../../agent/link/outbox.js';
import { createStorage } from '../../../agent/storage/storage.js';
import { openStore, type Store } from '../../../agent/store/store.js';
import { versionIn } from './load-child.js';

/** What the box had promised when its power was cut. */
export interface Promised {
  /** By key of the app: the version that was acknowledged last. */
  versions: ReadonlyMap<string, number>;
  /** The highest sequence of a health sample that the provider had. */
  sample: number;
  ledgerLength: number;
  isMember: boolean;
}

export const nothing: Promised = { versions: new Map(), sample: 0, ledgerLength: 0, isMember: false };

/** @param app whose storage it was */
export async function lookAtAgent(dataDir: string, app: string, promised: Promised): Promise<string[]> {
  const faults: string[] = [];
  const owes = promised.versions.size > 0 || promised.sample > 0 || promised.ledgerLength > 0 || promised.isMember;
  if (owes && !existsSync(path.join(dataDir, 'store'))) return ['the store is gone'];
  if (promised.isMember && !existsSync(path.join(dataDir, 'membership.json'))) faults.push('the membership is gone');
  let store: Store | undefined;
  try {
    store = await openStore(dataDir);
    const ledger = await (await createLedger({ store, clock: systemClock })).export();
    const verdict = verifyLedger(ledger);
    if (!verdict.ok) faults.push(`the ledger is broken at ${verdict.index}: ${verdict.why}`);
    if (ledger.entries.length < promised.ledgerLength)
      faults.push(`the ledger has ${ledger.entries.length} entries, not ${promised.ledgerLength}`);

    const storage = await createStorage({
      ...{ store, files, clock: systemClock },
      keysDirectory: path.join(dataDir, 'storage-keys'),
      freeBytes: () => Number.MAX_SAFE_INTEGER,
      onRefused: (refusal) => void faults.push(`${refusal.code}: ${refusal.message}`),
    });
    const { entries } = await storage.list(app, { prefix: '', after: undefined, limit: 1000 });
    const held = new Map(
      entries.map(({ key }) => {
        const version = versionIn(key, storage.get(app, key).value);
        if (version === undefined) faults.push(`${key} holds what nobody has written`);
        return [key, version ?? 0];
      }),
    );
    for (const [key, version] of promised.versions)
      if ((held.get(key) ?? 0) < version)
        faults.push(`${key} is of version ${held.get(key) ?? 'none'}, and ${version} was acknowledged`);

    const outbox = await createOutbox({
      store,
      budgetBytes: Number.MAX_SAFE_INTEGER,
      batch: 15,
      isSameMachine: () => true,
    });
    const { last } = outbox.state();
    if (last < promised.sample) faults.push(`sample ${last + 1} would be numbered as another that the provider has`);
  } catch (error) {
    faults.push(`the agent's data cannot be opened: ${inspect(error)}`);
  } finally {
    await store?.close();
  }
  return faults;
}
