/**
 * An agent that kills itself with SIGKILL before one durable step: `node agent-child.js CONFIG STEP [AHEAD [PLAN]]`.
 * Each file written or removed, and each commit of journal and ledger, is a step: its name is printed with how often it has
 * come. A test takes the names from a run that is not cut (STEP is -): before a step is after the one before it. AHEAD
 * milliseconds are added to its clock, so that a renewal is due at once: an agent that was
 * started again within one boot goes by the monotonic clock. PLAN is a file that says what it is to do by itself.
 */
import { readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { Level } from 'level';
import { pino } from 'pino';
import type { Files } from '#common/files.js';
import type { Election } from '#contract/membership.js';
import { createAgent } from '../../agent/agent.js';
import { parseConfig } from '../../agent/config.js';
import { realHost } from '../../agent/host/host.js';
import { resetOffline } from '../../agent/reset-wiring.js';

export interface Plan {
  passphrase: string;
  transfer?: Election;
  reset?: 'reset' | 'hand-over';
}

const [configFile = '', step = '-', ahead = '0', planFile] = process.argv.slice(2);
const counts = new Map<string, number>();

function at(name: string): void {
  const count = (counts.get(name) ?? 0) + 1;
  counts.set(name, count);
  writeSync(1, `${name} #${count}\n`);
  if (`${name} #${count}` === step) process.kill(process.pid, 'SIGKILL');
}

interface Put {
  sublevel?: { prefix: string };
  value?: { kind?: string; type?: string; steps?: { kind: string; state: string }[] };
}

/** Of a commit that journal or ledger has a part in. */
function nameOf(operations: Put[]): string | undefined {
  for (const { sublevel, value } of operations) {
    const last = value?.steps?.findLast(({ state }) => state !== 'waiting');
    if (sublevel?.prefix === '!changes!')
      return `journal ${value?.kind} ${last?.kind ?? ''} ${last?.state ?? ''}`.trim();
    if (sublevel?.prefix === '!ledger!') return `ledger ${value?.type}`;
  }
  return undefined;
}

interface Chained {
  put(key: unknown, value: unknown, operation: Put): Chained;
  write(options: unknown): Promise<void>;
}

const batch: (...parameters: unknown[]) => unknown = Reflect.get(Level.prototype, 'batch');
Reflect.set(Level.prototype, 'batch', function (this: unknown, ...parameters: unknown[]) {
  if (Array.isArray(parameters[0])) {
    const name = nameOf(parameters[0]);
    if (name !== undefined) at(name);
    return batch.apply(this, parameters);
  }
  const chained = batch.apply(this, parameters) as Chained;
  const { put, write } = chained;
  const operations: Put[] = [];
  chained.put = (key, value, operation) => {
    operations.push(operation);
    return put.call(chained, key, value, operation);
  };
  chained.write = (options) => {
    const name = nameOf(operations);
    if (name !== undefined) at(name);
    return write.call(chained, options);
  };
  return chained;
});

const { files, clock, monotonic } = realHost;
const cutting: Files = {
  read: files.read,
  write(file, data, mode) {
    at(`write ${path.basename(file)}`);
    return files.write(file, data, mode);
  },
  remove(file) {
    at(`remove ${path.basename(file)}`);
    return files.remove(file);
  },
  destroy(file) {
    at(`destroy ${path.basename(file)}`);
    return files.destroy(file);
  },
};
const shifted = (): number => monotonic() + Number(ahead);

const plan = planFile === undefined ? undefined : (JSON.parse(readFileSync(planFile, 'utf8')) as Plan);
const config = parseConfig(readFileSync(configFile, 'utf8'));
const host = { ...realHost, files: cutting, monotonic: shifted };

if (plan?.reset) await resetOffline(config, host, plan.reset, () => {});
else {
  const agent = createAgent(config, host, { log: pino({ level: 'silent' }) });
  process.once('SIGTERM', () => void agent.stop().then(() => process.exit(0)));
  await agent.start();
  if (plan?.transfer) {
    while (agent.status().state !== 'enrolled') await clock.sleep(20);
    const { owner, membership } = agent.rooms();
    await membership.transfer(plan.transfer, await owner.unlock(plan.passphrase));
  }
}
