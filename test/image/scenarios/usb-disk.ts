/** A USB disk is mounted for the agent, which may write to it; pulled out, it goes. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, truncateSync } from 'node:fs';
import path from 'node:path';
import type { Rig } from '../rig.js';

export const name = 'a USB disk is there for the agent to write backups to';

const mebi = 1024 * 1024;
/** As the agent sees it: in its own view of the filesystem, with what it may. */
const inAgent = (script: string): string =>
  `pid=$(systemctl show --property=MainPID --value webizen-agent); nsenter --target "$pid" --mount sh -c '${script}'`;

export async function run(rig: Rig): Promise<void> {
  const { card, territory } = await rig.settled();
  await rig.serve(territory);
  const stick = path.join(rig.home, 'stick');
  closeSync(openSync(stick, 'w'));
  truncateSync(stick, 64 * mebi);
  execFileSync('mkfs.vfat', ['-n', 'HOLIDAYS', stick], { stdio: 'ignore' });
  rig.begin();
  const drive = `if=none,id=stick,format=raw,file=${stick}`;
  const machine = rig.start({
    ...{ name: 'usb-disk', card },
    more: ['-device', 'qemu-xhci,id=xhci', '-drive', drive, '-device', 'usb-storage,id=usb,bus=xhci.0,drive=stick'],
  });
  const waits = 'for i in $(seq 300); do grep -q " /run/webizen-usb/HOLIDAYS " /proc/mounts && break; sleep 1; done';
  const there = await machine.run(`${waits}; grep webizen-usb /proc/mounts`, { timeoutSeconds: 900 });
  rig.say(there.output);
  rig.expect(/HOLIDAYS vfat rw,nosuid,nodev,noexec/.test(there.output), 'it is mounted, and nothing on it can run');
  rig.passed('mounted');
  const write =
    'mkdir -p /run/webizen-usb/HOLIDAYS/webizen-backup; echo hello > /run/webizen-usb/HOLIDAYS/webizen-backup/x';
  const waitsForAgent = 'for i in $(seq 300); do systemctl is-active --quiet webizen-agent && break; sleep 1; done';
  const written = await machine.run(
    `${waitsForAgent}; ${inAgent(write)}; cat /run/webizen-usb/HOLIDAYS/webizen-backup/x`,
    {
      timeoutSeconds: 900,
    },
  );
  rig.expect(written.output.trim() === 'hello', 'what the agent writes is on the disk');
  rig.passed('written');
  const gone = await machine.run(
    'echo 1 > /sys/block/sda/device/delete; for i in $(seq 120); do [ -e /run/webizen-usb/HOLIDAYS ] || break; sleep 1; done; ls -A /run/webizen-usb; systemctl --failed --no-legend',
    { timeoutSeconds: 300 },
  );
  rig.say(gone.output);
  rig.expect(!gone.output.includes('HOLIDAYS'), 'pulled out, it goes');
  await machine.shutDown();
  rig.passed('shut down');
}
