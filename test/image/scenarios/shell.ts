/** That a settled card starts, and that a test may speak to the guest: what every other scenario stands on. */
import type { Rig } from '../rig.js';

export const name = 'a settled card starts, and its guest answers';

export async function run(rig: Rig): Promise<void> {
  const { card, territory, box } = await rig.settled();
  const provider = await rig.serve(territory);
  rig.begin();
  const machine = rig.start({ name: 'shell', card });
  const { output } = await machine.run('uname -a; uptime', { timeoutSeconds: 600 });
  rig.passed('shell');
  rig.say(output);
  await rig.until(machine, 'online', async () => (await provider.boxes())[0]?.state === 'online');
  rig.expect((await provider.boxes())[0]?.id === box, 'it is the box that was settled');
  const failed = await machine.run('exit 7');
  rig.expect(failed.status === 7 && failed.output === '', 'a script answers its status');
  rig.say((await machine.run('systemd-analyze; systemctl --failed --no-legend; grep Mem /proc/meminfo')).output);
  await machine.shutDown();
  rig.passed('shut down');
}
