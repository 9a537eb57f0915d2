/** The outbox, wired: what waits for the provider, in this boot and on this machine. */
import path from 'node:path';
import type { Ground } from './ground.js';
import { isSameMachine } from './host/machine.js';
import { createOutbox, type Outbox } from './link/outbox.js';
import { createSpool } from './link/spool.js';
import { bootId } from './time/boot.js';

/** About a month of minutes' samples. */
const outboxBudgetBytes = 24 * 1024 * 1024;

export async function openOutbox({ config, host, store, ledger }: Ground): Promise<Outbox> {
  const { intervalSeconds, batchSeconds } = config.health;
  return createOutbox({
    store,
    budgetBytes: outboxBudgetBytes,
    batch: Math.max(1, Math.round(batchSeconds / intervalSeconds)),
    spool: createSpool({ file: path.join(config.runtimeDir, 'outbox.spool'), boot: await bootId(host) }),
    machine: await host.machine(),
    isSameMachine,
    onMoved: async () => void (await ledger.append({ by: 'box', type: 'other-machine', facts: {} })),
  });
}
