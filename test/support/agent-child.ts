/**
 * An agent that kills itself with SIGKILL at one durable step: `node agent-child.js CONFIG STEP before|after [AHEAD]`.
 * Each file written or removed is a step, counted from 1. AHEAD milliseconds are added to its clock, so that a renewal is
 * due at once. Prints each step's name, so that the test can say where it was cut.
 */
import { readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import type { Clock } from '#common/clock.js';
import type { Files } from '#common/files.js';
import { createAgent } from '../../agent/agent.js';
import { parseConfig } from '../../agent/config.js';
import { realHost } from '../../agent/host/host.js';

const [configFile = '', step = '0', when = 'before', ahead = '0'] = process.argv.slice(2);
let count = 0;

async function at<T>(name: string, work: () => Promise<T>): Promise<T> {
  count += 1;
  const mine = count === Number(step);
  if (mine) writeSync(1, `${when} ${name}\n`);
  if (mine && when === 'before') process.kill(process.pid, 'SIGKILL');
  const done = await work();
  if (mine) process.kill(process.pid, 'SIGKILL');
  return done;
}

const { files, clock } = realHost;
const cutting: Files = {
  read: files.read,
  write: (file, data, mode) => at(`write ${path.basename(file)}`, () => files.write(file, data, mode)),
  destroy: (file) => at(`destroy ${path.basename(file)}`, () => files.destroy(file)),
  remove: (file) => at(`remove ${path.basename(file)}`, () => files.remove(file)),
};
const shifted: Clock = { ...clock, now: () => clock.now() + Number(ahead) };

const agent = createAgent(
  parseConfig(readFileSync(configFile, 'utf8')),
  { ...realHost, files: cutting, clock: shifted },
  { log: pino({ level: 'silent' }) },
);
process.once('SIGTERM', () => void agent.stop().then(() => process.exit(0)));
await agent.start();
