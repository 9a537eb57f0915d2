/**
 * The agent as one of the machine's own: what it is bounded by and protected from, that apps can save when the machine goes
 * down, that a machine that hangs is started again, and that an agent that cannot go on comes up in safe mode.
 */
import type { Machine } from '../machine.js';
import type { Rig } from '../rig.js';

export const name = 'bounds, ordered shutdown, watchdog and safe mode';

/** A root filesystem of one program. */
const root = `
r=/data/kit/root; mkdir -p $r/bin $r/dev $r/proc $r/sys $r/etc $r/run $r/tmp $r/data/kit && cp /bin/busybox $r/bin/ &&
for it in sh sleep sync; do ln -sf busybox $r/bin/$it; done`;

/** An app as podman has one: it writes down that it was asked to end, and takes three seconds. */
const appOf = (id: string): string => `
podman create --name webizen-${id} --label webizen.app=${id} --label webizen.release=kit --network none \\
  --volume /data/kit:/data/kit --rootfs /data/kit/root \\
  /bin/sh -c 'trap "sleep 3; echo saved > /data/kit/${id}; sync; exit 0" TERM; echo up > /data/kit/${id}; while :; do sleep 1; done' &&
podman start webizen-${id} && until grep -q up /data/kit/${id}; do sleep 0.5; done`;

const patient = { timeoutSeconds: 900 };

export async function run(rig: Rig): Promise<void> {
  const { card, territory } = await rig.settled();
  const provider = await rig.serve(territory);
  const isOnline = async (): Promise<boolean> => (await provider.boxes())[0]?.state === 'online';
  rig.begin();
  const machine: Machine = rig.start({ name: 'citizen', card, more: ['-device', 'i6300esb'] });
  const ask = async (script: string): Promise<string> => {
    const { status, output } = await machine.run(script, patient);
    if (status !== 0) throw new Error(`the guest answered ${status} to ${script}: ${output}`);
    return output;
  };
  const tell = async (script: string): Promise<void> => rig.say((await machine.run(script, patient)).output);

  await rig.until(machine, 'online', isOnline);
  await tell(
    'systemctl --failed --no-legend; systemctl show -p RuntimeWatchdogUSec -p RebootWatchdogUSec -p WatchdogDevice -p WatchdogLastPingTimestamp; lsmod | grep -i -e wdt -e esb',
  );
  await tell('systemd-analyze security --no-pager | grep -e UNIT -e webizen -e podman -e rauc');
  await tell(
    'journalctl --disk-usage; cat /proc/swaps; cat /sys/block/zram0/comp_algorithm; grep -e MemTotal -e MemAvail -e Swap /proc/meminfo',
  );
  await tell(
    'cd /sys/fs/cgroup; for f in system.slice/memory.min system.slice/webizen-agent.service/memory.min machine.slice/memory.max machine.slice/cpu.weight machine.slice/pids.max; do echo $f $(cat $f); done; cat /sys/fs/cgroup/cgroup.controllers; mount | grep cgroup2',
  );
  await ask(root);
  await ask(appOf('first'));
  await tell(
    'systemctl list-units --no-legend --type=scope; for s in $(systemctl list-units --no-legend --plain --type=scope | cut -d" " -f1); do echo == $s; systemctl show $s -p DefaultDependencies -p Slice -p Before -p After -p Conflicts -p KillMode; done',
  );

  rig.say('an app that takes all the memory there is');
  await tell(`systemd-run --quiet --pipe --slice=machine.slice --property=OOMScoreAdjust=500 --property=MemorySwapMax=0 /usr/bin/node -e '
    const held = []; for (;;) held.push(Buffer.alloc(16 << 20, 1));' ; echo hog ended $?; cat /sys/fs/cgroup/machine.slice/memory.events; systemctl show webizen-agent -p NRestarts -p ActiveState`);

  rig.say('the agent alone is started again');
  const before = await ask(
    'podman inspect --format {{.State.Pid}} webizen-first 2>/dev/null; systemctl show -P MainPID webizen-agent',
  );
  rig.say(before);
  await ask(
    'podman create --name other --network none --rootfs /data/kit/root /bin/sleep 100000 && podman start other',
  );
  await ask('systemctl restart webizen-agent');
  const other = await ask('podman ps --format "{{.Names}} {{.Status}}"');
  rig.say(other);
  rig.expect(/^other Up/m.test(other), 'a container runs on behind an agent that is started again');

  await ask(appOf('second'));
  const boot = (await ask('cat /proc/sys/kernel/random/boot_id')).trim();
  rig.say('systemctl reboot');
  await machine.run('systemctl --no-block reboot', patient);
  await rig.until(machine, 'restarted in order', async () => {
    const told = await machine.run('cat /proc/sys/kernel/random/boot_id', patient).catch(() => undefined);
    return told !== undefined && told.output.trim() !== boot;
  });
  await ask('until mountpoint -q /data; do sleep 1; done'); // the shell is there before it
  const saved = await ask('cat /data/kit/second');
  rig.expect(saved.trim() === 'saved', `an app was asked, and could save: ${saved.trim()}`);

  rig.say('process 1 stands still');
  const next = (await ask('cat /proc/sys/kernel/random/boot_id')).trim();
  await machine.run('sync; (sleep 1; echo 1 > /sys/fs/cgroup/init.scope/cgroup.freeze) > /dev/null 2>&1 &', patient);
  await rig.until(machine, 'restarted by the watchdog', async () => {
    const told = await machine.run('cat /proc/sys/kernel/random/boot_id', patient).catch(() => undefined);
    return told !== undefined && told.output.trim() !== next;
  });

  rig.say('the agent is killed five times');
  await rig.until(machine, 'online after the watchdog', isOnline);
  for (let count = 0; count < 5; count += 1)
    await ask(
      'until systemctl is-active --quiet webizen-agent; do sleep 1; done; systemctl kill --signal=KILL webizen-agent; sleep 1',
    );
  await rig.until(machine, 'safe mode', async () => {
    const conditions = (await provider.boxes())[0]?.conditions ?? [];
    return conditions.some(({ kind }) => kind === 'safe-mode') ? true : undefined;
  });
  await tell(
    'cat /run/webizen/starts.json; systemctl show webizen-agent -p NRestarts -p ActiveState; node -e "fetch(\'http://127.0.0.1/\').then((a) => console.log(a.status))"',
  );
  await machine.shutDown();
  rig.passed('shut down');
}
