/** An app that takes all the time and all the memory there is, beside one that is well, under the agent as a box has it. */
import type { Rig } from '../rig.js';
import { installFromCatalogue, installVisits } from '../visits.js';

export const name = 'an app that takes all it can ends, and the box and the app beside it are well';

const hungry = 'example.hungry';
const limits = { memoryMiB: 96, cpus: 0.2, pids: 32, storageMiB: 1 };
/** First time, then memory, a megabyte at a time. */
const main = `
import { connect } from './webizen-client.mjs';
const box = connect();
await box.ready();
const until = Date.now() + 20_000;
while (Date.now() < until);
const held = [];
for (;;) held.push(Buffer.alloc(1024 ** 2, 1));
`;

export async function run(rig: Rig): Promise<void> {
  const { expect, until } = rig;
  const { card, territory, box } = await rig.settled();
  const provider = await rig.serve(territory);
  rig.begin();
  const machine = rig.start({ name: 'hungry', card });
  await until(machine, 'online', async () => (await provider.boxes())[0]?.state === 'online');
  const { maker, phone, runs } = await installVisits(rig, { machine, card, territory });
  const release = maker.publish(hungry, {
    main,
    change: (manifest) => ({ ...manifest, resources: limits, health: { kind: 'ready', graceSeconds: 300 } }),
  });
  await installFromCatalogue(rig, phone, release);

  // Until it runs there is no group of it: without an id that would be the one of the app beside it.
  const group = `id=$(podman ps --quiet --no-trunc --filter name=webizen-${hungry}) && [ -n "$id" ] &&
cd /sys/fs/cgroup && cd "$(dirname "$(find . -path "*libpod-$id*/memory.max" | head -n 1)")"`;
  const held = await until(machine, 'hungry: its time is held back', async () => {
    const { output } = await machine.run(
      `${group} && head -v memory.max memory.swap.max pids.max cpu.max && grep nr_throttled cpu.stat`,
    );
    return Number(/nr_throttled (\d+)/.exec(output)?.[1] ?? 0) > 0 ? output : undefined;
  });
  const [memory, swap, pids, cpu] = ['memory.max', 'memory.swap.max', 'pids.max', 'cpu.max'].map(
    (file) => new RegExp(`==> ${file.replaceAll('.', '\\.')} <==\n(.*)`).exec(held)?.[1],
  );
  expect(
    memory === String(limits.memoryMiB * 1024 ** 2) && swap === '0',
    `the kernel holds it to ${memory} bytes, and ${swap} of swap`,
  );
  expect(
    pids === String(limits.pids) && cpu === `${limits.cpus * 100_000} 100000`,
    `to ${pids} processes and ${cpu} µs of time`,
  );
  const told = await until(machine, 'hungry: told as out of memory', async () => {
    const one = JSON.stringify((await phone.apps()).find(({ id }) => id === hungry) ?? {});
    return /app-out-of-memory/.test(one) ? one : undefined;
  });
  rig.say(told);
  const { output: kernel } = await machine.run('journalctl --no-pager -k | grep -i "oom-kill\\|out of memory"');
  expect(
    /constraint=CONSTRAINT_MEMCG/.test(kernel) && !/constraint=CONSTRAINT_NONE/.test(kernel),
    'the kernel ended it for its own limit, and nobody for want of memory of the whole',
  );
  await runs(machine, 'beside it', 1);
  const { output } = await machine.run('systemctl show --property=NRestarts --value webizen-agent');
  expect(output.trim() === '0', 'the agent was never started again');
  const since = Date.now();
  await until(machine, 'the box reports on', async () => ((await provider.box(box)).lastSeen ?? 0) > since);
}
