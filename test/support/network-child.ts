/**
 * Looks after a box's network in a folder, tries one, and is killed at a step of it: `FOLDER SSID PASSPHRASE STEP`. A step is
 * the moment before something is done to a file or to the machine. Prints how many there were where it came through.
 */
import { type Files, files } from '#common/files.js';
import type { NetworkHost } from '../../agent/host/network.js';
import { openAir } from './air.js';
import { newClock, openNetworkRoom, pass, tried, until } from './network-box.js';

const [folder = '', ssid = '', passphrase = '', step = ''] = process.argv.slice(2);
let steps = 0;
let isCounting = false;
function mark(): void {
  if (isCounting && ++steps === Number(step)) process.kill(process.pid, 'SIGKILL');
}
/** The same, with a moment to be killed at before each. */
function killable<T extends object>(of: T, names: readonly (keyof T)[]): T {
  const made = { ...of };
  for (const name of names) {
    const work = of[name] as (...args: unknown[]) => Promise<unknown>;
    made[name] = (async (...args: unknown[]) => {
      mark();
      return work(...args);
    }) as T[keyof T];
  }
  return made;
}

const air = openAir(folder);
const clock = newClock();
const { room } = await openNetworkRoom(folder, {
  host: killable<NetworkHost>(air.host, ['load', 'up', 'down']),
  files: killable<Files>(files, ['write', 'remove']),
  directory: air.directory,
  ticks: clock,
});
await room.start();
await pass(clock, 65_000);
await until(room, () => room.view().wifi?.accessPoint !== null || room.view().wifi?.isJoined === true);
isCounting = true;
await room.choose({ ssid, passphrase, hidden: false });
await tried(room, clock);
mark();
process.stdout.write(String(steps));
await room.stop();
