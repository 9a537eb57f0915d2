/** CPU milliseconds of one health sample, children included. Arguments: `agent` or `by-hand`, and how many samples. */
import { readFile, statfs } from 'node:fs/promises';
import { createProbe, networkTotals } from '../../../agent/health/probe.js';
import { realHost } from '../../../agent/host/host.js';
import { cpuMilliseconds } from '../workshop.js';

const directory = process.cwd();
const field = (text: string, name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]) * 1024;
const textOf = (file: string) => readFile(file, 'utf8').catch(() => '');

/** The same facts from the same files of the kernel, read as plainly as can be. */
async function byHand(): Promise<number[]> {
  const zones = [0, 1, 2, 3].map((zone) => textOf(`/sys/class/thermal/thermal_zone${zone}/temp`));
  const [memory, cpu, network, uptime, space, ...degrees] = await Promise.all([
    textOf('/proc/meminfo'),
    textOf('/proc/stat'),
    textOf('/proc/net/dev'),
    textOf('/proc/uptime'),
    statfs(directory),
    ...zones,
  ]);
  const [user = 0, nice = 0, system = 0, idle = 0] = cpu.slice(5, cpu.indexOf('\n')).trim().split(' ').map(Number);
  const { receive, transmit } = networkTotals(network);
  return [
    ...[field(memory, 'MemTotal'), field(memory, 'MemAvailable')],
    ...[user + nice + system, idle, receive, transmit, Number.parseFloat(uptime)],
    ...[space.blocks * space.bsize, space.bavail * space.bsize],
    ...degrees.filter(Boolean).map(Number),
    process.memoryUsage.rss(),
  ];
}

const [which, count = '1'] = process.argv.slice(2);
const probe = createProbe({ host: realHost, dataDir: directory });
const sample = which === 'agent' ? probe.sample : byHand;
const samples = Number(count);
for (let index = 0; index < 10; index += 1) await sample();
const childrenBefore = await cpuMilliseconds('self', 'children');
const before = process.cpuUsage();
for (let index = 0; index < samples; index += 1) await sample();
const { user, system } = process.cpuUsage(before);
const children = (await cpuMilliseconds('self', 'children')) - childrenBefore;
console.log((user + system) / 1000 / samples + children / samples);
