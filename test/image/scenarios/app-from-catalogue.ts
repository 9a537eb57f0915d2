/** The owner installs an app at a phone; it runs in podman, and goes on over restarts of the agent and of the machine. */
import type { Rig } from '../rig.js';
import { installVisits } from '../visits.js';

export const name = 'an app from the catalogue runs in podman, and goes on over restarts';
export const sample = true;

export async function run(rig: Rig): Promise<void> {
  const { expect, until, say } = rig;
  const { card, territory } = await rig.settled();
  const provider = await rig.serve(territory);
  rig.begin();
  const machine = rig.start({ name: 'app', card });
  const isOnline = async () => (await provider.boxes())[0]?.state === 'online';
  await until(machine, 'online', isOnline);
  rig.begin();
  const visits = await installVisits(rig, { machine, card, territory });

  const containers = 'podman ps --no-trunc --format "{{.ID}} {{.Status}}"';
  const { output: before } = await machine.run(containers);
  expect(/^[0-9a-f]{64} Up/.test(before), `podman runs it: ${before.trim()}`);
  const { output: about } = await machine.run(
    'podman inspect --format "{{.OCIRuntime}} {{.HostConfig.NetworkMode}} {{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.EffectiveCaps}}" -l; stat -fc %T /sys/fs/cgroup',
  );
  say(`container: ${about.trim()}`);
  expect(
    /^crun none /.test(about) && /cgroup2fs/.test(about),
    'by crun, without a network, in a control group of version 2',
  );

  await machine.run('systemctl restart webizen-agent');
  await visits.runs(machine, 'after a restart of the agent', 1);
  const { output: after } = await machine.run(containers);
  expect(after.slice(0, 64) === before.slice(0, 64), 'the agent starts again and the container goes on');

  rig.begin();
  await machine.run('systemctl --no-block reboot');
  await visits.runs(machine, 'after a restart of the machine', 2);
  say((await machine.run('systemd-analyze; systemctl --failed --no-legend; podman ps; grep Mem /proc/meminfo')).output);
}
