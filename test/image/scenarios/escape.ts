/**
 * What apps try and are not let, inside the guest: podman and crun as a box has them, with control groups of the second
 * version. The suites are the ones that run elsewhere with what is there; the checkout is lent to the guest, read-only.
 */
import { root } from '../../../image/places.js';
import type { Machine } from '../machine.js';
import type { Rig } from '../rig.js';

export const name = 'what apps try and are not let, in the guest';

const suites = ['out-of-memory', 'escape', 'socket-attacks'];
const lent = ['-virtfs', `local,path=${root},mount_tag=checkout,security_model=none,readonly=on`];

const mounted = `set -e
mkdir -p /run/checkout /data/tests
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 checkout /run/checkout`;

async function suite(rig: Rig, machine: Machine, file: string): Promise<void> {
  const words = `cd /run/checkout && TMPDIR=/data/tests HOME=/data/tests TAP_TIMEOUT=3000 node build/test/agent/${file}.test.js`;
  const { status, output } = await machine.run(words, { timeoutSeconds: 3000 });
  for (const line of output.split('\n').filter((one) => /^ *(not )?ok \d/.test(one))) rig.say(line);
  if (status !== 0) rig.say(output);
  rig.expect(status === 0, `${file} in the guest`);
  rig.passed(file);
}

export async function run(rig: Rig): Promise<void> {
  const { card, territory, box } = await rig.settled();
  const provider = await rig.serve(territory);
  rig.begin();
  const machine = rig.start({ name: 'escape', card, more: lent });
  await rig.until(machine, 'online', async () => (await provider.boxes())[0]?.state === 'online');
  const { status, output } = await machine.run(mounted);
  rig.expect(status === 0, `the checkout is lent to the guest ${output}`);
  const restarts = 'systemctl show --property=NRestarts --value webizen-agent; systemctl is-system-running';
  rig.say((await machine.run(restarts)).output);
  for (const file of suites) await suite(rig, machine, file);
  const after = await machine.run(restarts);
  rig.expect(after.output.startsWith('0\n'), `the agent was never started again: ${after.output}`);
  const since = Date.now();
  await rig.until(machine, 'the box reports on', async () => ((await provider.box(box)).lastSeen ?? 0) > since);
}
