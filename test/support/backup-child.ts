/**
 * An agent that kills itself with SIGKILL before one step of restoring, or of writing a backup to a disk:
 * `node backup-child.js CONFIG STEP WHAT`. WHAT is `start`, for a box where a restore was asked for, or `disk`. Each file
 * moved, written, made or removed for it, and each commit of a store, is a step: its number and name are printed. STEP 0 cuts
 * nothing.
 */
import { existsSync, readFileSync, writeSync } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';
import { Level } from 'level';
import { pino } from 'pino';
import { createAgent } from '../../agent/agent.js';
import { parseConfig } from '../../agent/config.js';
import { realHost } from '../../agent/host/host.js';

const [configFile = '', step = '0', what = 'start'] = process.argv.slice(2);
const config = parseConfig(readFileSync(configFile, 'utf8'));
const root = path.dirname(configFile);
let count = 0;
let isCounting = what === 'start';

function at(name: string): void {
  if (!isCounting) return;
  count += 1;
  writeSync(1, `${count} ${name}\n`);
  if (count === Number(step)) process.kill(process.pid, 'SIGKILL');
}

const isMeant = (place: string): boolean =>
  /^data\/(restor|store|storage-keys|owner\.json|blobs)|^disks\//.test(place) && !/^data\/store\//.test(place);

type Anything = (...parameters: never[]) => Promise<unknown>;
for (const name of ['rename', 'rm', 'mkdir', 'open'] as const) {
  const original = fs[name] as Anything;
  Reflect.set(fs, name, (...parameters: never[]) => {
    const place = path.relative(root, String(parameters[0]));
    if (isMeant(place)) at(`${name} ${place}`);
    return original(...parameters);
  });
}
syncBuiltinESMExports();

const batch: (...parameters: unknown[]) => unknown = Reflect.get(Level.prototype, 'batch');
Reflect.set(Level.prototype, 'batch', function (this: Level, ...parameters: unknown[]) {
  at(`commit ${path.relative(root, this.location)}`);
  return batch.apply(this, parameters);
});

const host = { ...realHost, isMountPoint: async (directory: string) => existsSync(directory) };
const agent = createAgent(config, host, { log: pino({ level: 'silent' }) });
await agent.start();
if (what === 'disk') {
  const { backup } = agent.rooms();
  isCounting = true;
  const ended = new Promise<void>((resolve) => {
    backup.onChange(() => {
      void backup.view().then(({ job }) => {
        if (job?.stage === 'done') resolve();
      });
    });
  });
  await backup.toDisk('stick');
  await ended;
}
process.exit(0);
