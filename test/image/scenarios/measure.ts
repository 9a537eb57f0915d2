/**
 * What a box costs when nobody asks anything of it, each figure beside the same of the same image without the agent: how long
 * it takes to start, which memory it uses, what it writes to its card. `IDLE_MINUTES` (20) is how long writes are counted.
 */
import type { Machine } from '../machine.js';
import { setupPage } from '../phone.js';
import type { Rig } from '../rig.js';

export const name = 'the figures of an idle box, beside the same image without the agent';

const idleMinutes = Number(process.env.IDLE_MINUTES ?? 20);
const sectorBytes = 512;

interface Figures {
  /** Since the kernel began. */
  multiUserSeconds: number;
  usedMemoryBytes: number;
  /** By partition, in `idleMinutes`. */
  writtenBytes: Record<string, number>;
}

/** What the box itself reports as used: all that is not available to a program that asks for it. */
async function usedMemory(machine: Machine): Promise<number> {
  const { output } = await machine.run(
    `awk '/^MemTotal/ { t = $2 } /^MemAvailable/ { a = $2 } END { print t - a }' /proc/meminfo`,
  );
  return Number(output) * 1024;
}

async function written(machine: Machine): Promise<Record<string, number>> {
  const { output } = await machine.run(
    'sync; for it in /sys/class/block/*/partition; do at=$(dirname $it); echo "$(sed -n s/^PARTNAME=//p $at/uevent) $(cat $at/stat)"; done',
  );
  const lines = output
    .trim()
    .split('\n')
    .map((line) => line.split(/\s+/));
  return Object.fromEntries(lines.map(([name, ...fields]) => [name, Number(fields[6]) * sectorBytes]));
}

const tracing = '/sys/kernel/tracing';
const watchWrites = `touch /run/idle
mountpoint -q ${tracing} || mount -t tracefs tracefs ${tracing}
echo 4096 >${tracing}/buffer_size_kb
echo >${tracing}/trace
echo 1 >${tracing}/events/block/block_rq_issue/enable`;
/** Who had the card written to, and which files have changed meanwhile. */
const tellWrites = `echo 0 >${tracing}/events/block/block_rq_issue/enable
sed -nE 's/^ *(.*)-[0-9]+ +\\[.* ([0-9]+,[0-9]+) (F?WF?[A-Z]*) .* \\+ ([0-9]+) .*/\\1 \\2 \\3 \\4/p' ${tracing}/trace |
  awk '{ name = $0; sub(/ [0-9]+$/, "", name); count[name]++; sectors[name] += $NF } END { for (it in count) print it ":", count[it], "writes,", sectors[it] * ${sectorBytes}, "bytes" }'
find /data /boot/esp -xdev -type f -newer /run/idle -printf '%P: %s bytes\\n'`;

const uptime = async (machine: Machine): Promise<number> =>
  Number((await machine.run('cut -d" " -f1 /proc/uptime')).output);

/** Once it has come to rest. */
async function idle(rig: Rig, machine: Machine): Promise<Figures> {
  const { output } = await machine.run(
    `until systemctl is-active -q multi-user.target; do sleep 1; done
systemctl show -P ActiveEnterTimestampMonotonic multi-user.target
sleep 90`,
    { timeoutSeconds: 1200 },
  );
  const { output: processes } = await machine.run(
    `for it in /proc/[0-9]*; do
  echo "$(sed -n 's/^Pss: *//p' $it/smaps_rollup 2>/dev/null) $(tr '\\0' ' ' <$it/cmdline | cut -c1-60)"
done | sort -rn | head -n 8
grep -E '^(AnonPages|Slab|KernelStack|PageTables|Shmem|Percpu|AnonHuge)' /proc/meminfo; cat /proc/sys/vm/min_free_kbytes`,
  );
  rig.say(processes.trim());
  const usedMemoryBytes = await usedMemory(machine);
  const before = await written(machine);
  await machine.run(watchWrites);
  await new Promise((resolve) => setTimeout(resolve, idleMinutes * 60_000));
  const { output: writers } = await machine.run(tellWrites);
  const after = await written(machine);
  rig.say(writers.trim());
  const writtenBytes = Object.fromEntries(
    Object.entries(after).map(([name, bytes]) => [name, bytes - (before[name] ?? 0)]),
  );
  return { multiUserSeconds: Number(output.trim()) / 1e6, usedMemoryBytes, writtenBytes };
}

const mebi = (bytes: number): string => (bytes / 1024 ** 2).toFixed(1);
const sum = (all: Record<string, number>): number => Object.values(all).reduce((one, other) => one + other, 0);

export async function run(rig: Rig): Promise<void> {
  const { begin, until, say, passed } = rig;
  const { card, territory } = await rig.settled();
  const provider = await rig.serve(territory);

  begin();
  const began = Date.now();
  const machine = rig.start({ name: 'with', card });
  await until(machine, 'page', setupPage);
  const page = await uptime(machine);
  await until(machine, 'health report', async () => {
    const [box] = await provider.boxes();
    return box?.state === 'online' && (box.health?.at ?? 0) > began;
  });
  const report = await uptime(machine);
  const withAgent = await idle(rig, machine);
  await machine.shutDown();

  begin();
  const bare = rig.start({ name: 'without', card, words: ['systemd.mask=webizen-agent.service'] });
  const without = await idle(rig, bare);
  await bare.shutDown();
  passed('measured');

  const perDay = (bytes: number): string => mebi((bytes * 24 * 60) / idleMinutes);
  const seconds = (value: number): string => `${value.toFixed(1)} s`;
  say(
    `figure page: ${seconds(page)} from the kernel's begin; the image without the agent is up after ${seconds(without.multiUserSeconds)}`,
  );
  say(
    `figure first health report: ${seconds(report)}; the image without the agent is up after ${seconds(without.multiUserSeconds)}`,
  );
  say(
    `figure memory: ${mebi(withAgent.usedMemoryBytes)} MiB used; without the agent ${mebi(without.usedMemoryBytes)} MiB`,
  );
  for (const [what, { writtenBytes }] of Object.entries({ 'with the agent': withAgent, without })) {
    const total = sum(writtenBytes);
    say(
      `figure writes ${what}: ${total} bytes in ${idleMinutes} min × ${(24 * 60) / idleMinutes} = ${perDay(total)} MiB a day; ${JSON.stringify(writtenBytes)}`,
    );
  }
}
