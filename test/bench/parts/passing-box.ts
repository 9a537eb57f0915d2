/**
 * The agent whose clock is moved by hand, alone in its process. Arguments: its configuration file, when its life begins.
 * Each message has so many samples pass, or asks for the link, or for what the process holds and has used since the last
 * time; it is answered when that is done, with how many seconds it took by that clock. Needs `--expose-gc`.
 */
import '../../../agent/heap.js';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { getHeapCodeStatistics } from 'node:v8';
import { pino } from 'pino';
import { parseConfig } from '../../../agent/config.js';
import { bytesUnder, heldOpen } from '../../support/held.js';
import { createManualClock } from '../../support/manual-clock.js';
import { passingBox } from '../../support/passing-box.js';
import { pause } from '../workshop.js';

const [configFile = '', began = ''] = process.argv.slice(2);
const config = parseConfig(await readFile(configFile, 'utf8'));
const box = passingBox({
  ...{ config, clock: createManualClock(Number(began)) },
  log: pino({ level: 'fatal' }),
  ownerAssets: path.resolve('build/owner'),
});
await box.agent.start();

let used = process.cpuUsage();
let written = 0;

/** In bytes that went to a disk: proc_pid_io(5). */
async function bytesWritten(): Promise<number> {
  return Number(/^write_bytes: (\d+)$/m.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
}

async function measure() {
  const { user, system } = process.cpuUsage(used);
  const soFar = await bytesWritten();
  for (let times = 0; times < 3; times += 1) {
    await pause(50); // what is closing closes
    globalThis.gc?.();
  }
  const { heapUsed, rss, external } = process.memoryUsage();
  const { code_and_metadata_size: machine, bytecode_and_metadata_size: byte } = getHeapCodeStatistics();
  const measured = {
    ...{
      heap: heapUsed - machine - byte,
      code: machine + byte,
      resident: rss,
      external,
      cpuSeconds: (user + system) / 1e6,
      written: soFar - written,
    },
    ...{ open: heldOpen(), stored: bytesUnder(config.dataDir) },
  };
  used = process.cpuUsage();
  written = await bytesWritten();
  return measured;
}

process.on('message', async ({ samples, full }: { samples?: number; full?: boolean }) => {
  if (full !== undefined) box.setFull(full);
  if (samples === undefined) return void process.send?.(await measure());
  const seconds = await box.connect();
  if (samples > 0) await box.pass(samples);
  process.send?.({ seconds: seconds + samples * config.health.intervalSeconds });
});
process.once('SIGTERM', () => void box.agent.stop().then(() => process.exit()));
console.log(JSON.stringify(box.agent.console() ?? {}));
console.log('ready');
