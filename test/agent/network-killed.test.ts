/** The agent is killed at each step of trying a Wi-Fi network: what worked is never lost, and the way in comes back. */
import { spawnSync } from 'node:child_process';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { hexOf, openAir } from '../support/air.js';
import { ownFolder } from '../support/folder.js';
import { newClock, openNetworkRoom, pass, until } from '../support/network-box.js';

const [home, old] = [hexOf('Home'), hexOf('Old')];
const stations = [
  { ssid: home, password: 'right password', gives: true },
  { ssid: old, password: 'old password', gives: true },
];
const child = path.resolve('build/test/support/network-child.js');
function attempt(folder: string, ssid: string, passphrase: string, step: number) {
  const ran = spawnSync(process.execPath, [child, folder, ssid, passphrase, String(step)], { encoding: 'utf8' });
  if (ran.status !== 0 && ran.signal !== 'SIGKILL') throw new Error(ran.stderr);
  return { isKilled: ran.signal === 'SIGKILL', steps: Number(ran.stdout) };
}

for (const [passphrase, before] of [
  ['right password', undefined],
  ['right password', old],
  ['wrong password', old],
] as const)
  t.test(`the ${passphrase}, ${before ? 'on another Wi-Fi' : 'in the own network'}`, async (t) => {
    const first = await ownFolder(t);
    openAir(first).set({ stations });
    if (before !== undefined) attempt(first, before, 'old password', 0);
    async function someFolder() {
      const folder = await ownFolder(t);
      await cp(first, folder, { recursive: true });
      return { folder, air: openAir(folder) };
    }
    const whole = await someFolder();
    const { steps } = attempt(whole.folder, home, passphrase, 0);
    t.ok(steps >= 8, `${steps} steps`);
    const works = passphrase === 'right password' ? home : before;
    for (let step = 1; step <= steps; step += 1) {
      const { folder, air } = await someFolder();
      t.ok(attempt(folder, home, passphrase, step).isKilled, `step ${step}`);
      if (step % 2 === 0) air.restart(); // the plug was pulled; else the agent alone was killed
      const clock = newClock();
      const { room } = await openNetworkRoom(folder, { host: air.host, directory: air.directory, ticks: clock });
      await room.start();
      await pass(clock, 70_000);
      await until(room, () => room.view().wifi?.accessPoint !== null || room.view().wifi?.isJoined === true);
      const { isJoined, known, last } = room.view().wifi ?? {};
      t.ok(known === null || known?.ssid === before || known?.ssid === works, 'it knows the old or the new');
      t.ok(before === undefined || known, 'and never none where there was one');
      t.ok(!isJoined || air.isUp() === known?.ssid, 'it is in no network that was not confirmed');
      t.ok(isJoined || air.isUp() === 'own');
      if (isJoined && known?.ssid === home) t.notOk(last?.problem, 'what is kept is told as no failure');
      if (passphrase === 'wrong password' && last?.ssid === home)
        t.match(last.problem?.code, /^wifi-(password-wrong|interrupted)$/, 'the page tells why');
      t.ok(
        air.profiles().length <= 2 && !air.profiles().some((text) => text.includes('being tried')),
        'nothing is left',
      );
      await room.stop();
    }
  });
