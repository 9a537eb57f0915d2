/** CPU milliseconds of one health sample, children included. Arguments: `agent` or `by-hand`, and how many samples. */
import { readdirSync, readFileSync, statfsSync } from 'node:fs';
import { networkTotals } from '../../../agent/health/probe/network.js';
import { createProbe } from '../../../agent/health/probe.js';
import { realHost } from '../../../agent/host/host.js';
import { cpuMilliseconds } from '../workshop.js';

const directory = process.cwd();
const field = (text: string, name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1]) * 1024;
const avg60 = (text: string) => Number(/avg60=([\d.]+)/.exec(text)?.[1]);

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function namesIn(place: string): string[] {
  try {
    return readdirSync(place);
  } catch {
    return [];
  }
}

const zones = namesIn('/sys/class/thermal').map((zone) => `/sys/class/thermal/${zone}/temp`);
const errors = namesIn('/sys/fs/ext4').map((name) => `/sys/fs/ext4/${name}/errors_count`);

/** The same facts from the same files of the kernel, read as plainly as can be. */
async function byHand(): Promise<number[]> {
  const memory = textOf('/proc/meminfo');
  const cpu = textOf('/proc/stat');
  const { receive, transmit } = networkTotals(textOf('/proc/net/dev'));
  const [data, root] = [statfsSync(directory), statfsSync('/')];
  const [user = 0, nice = 0, system = 0, idle = 0] = cpu.slice(5, cpu.indexOf('\n')).trim().split(' ').map(Number);
  return [
    ...['MemTotal', 'MemAvailable', 'SwapTotal', 'SwapFree'].map((name) => field(memory, name)),
    ...[user + nice + system, idle, receive, transmit, Number.parseFloat(textOf('/proc/uptime'))],
    ...['cpu', 'memory', 'io'].map((name) => avg60(textOf(`/proc/pressure/${name}`))),
    Number(textOf('/proc/loadavg').split(' ')[1]),
    ...[data, root].flatMap(({ blocks, bavail, files, ffree }) => [blocks, bavail, files, ffree]),
    ...[...zones, ...errors].map(textOf).map(Number),
    Number(/wlan0:\s+\S+\s+\S+\s+(\S+)/.exec(textOf('/proc/net/wireless'))?.[1]),
    process.memoryUsage.rss(),
  ];
}

const [which, count = '1'] = process.argv.slice(2);
const probe = createProbe({ host: realHost, dataDir: directory, time: () => ({ trusted: true, offsetSeconds: 0 }) });
const sample = which === 'agent' ? probe.sample : byHand;
const samples = Number(count);
for (let index = 0; index < 10; index += 1) await sample();
const childrenBefore = await cpuMilliseconds('self', 'children');
const before = process.cpuUsage();
for (let index = 0; index < samples; index += 1) await sample();
const { user, system } = process.cpuUsage(before);
const children = (await cpuMilliseconds('self', 'children')) - childrenBefore;
probe.stop();
console.log((user + system) / 1000 / samples + children / samples);
