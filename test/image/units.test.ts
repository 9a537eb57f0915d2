/** What each of our units may touch, by systemd's own measure: 0 is nothing, 10 everything. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { source } from '../../image/places.js';

const most = 3;
/** What its work takes, for those that cannot do with so little. */
const worksWith: Readonly<Record<string, { most: number; why: string }>> = {
  'webizen-machine.service': {
    most: 3.7,
    why: 'its mount is for everybody, so it has no view of the files of its own',
  },
  'webizen-data.service': {
    most: 9.6,
    why: 'it makes, opens and mounts what /data lies on, with the devices and keys for that',
  },
  'webizen-forward.service': { most: 9.6, why: 'it runs once, before the network, with a rule set of the image alone' },
  'webizen-usb@.service': { most: 6.7, why: 'it mounts a disk where the agent sees it, and nothing else' },
  'webizen-country.service': { most: 6.2, why: 'it runs once, with what the kernel says of radios alone' },
};

const root = source('overlay');
const units = readdirSync(path.join(root, 'etc/systemd/system')).filter((name) => name.endsWith('.service'));

function exposure(unit: string): number {
  const given = ['security', '--offline=yes', `--root=${root}`, '--no-pager', unit];
  const { stdout, stderr } = spawnSync('systemd-analyze', given, { encoding: 'utf8' });
  const found = /Overall exposure level for .*: ([0-9.]+) /.exec(stdout)?.[1];
  if (found === undefined) throw new Error(`systemd-analyze says nothing of ${unit}: ${stderr}`);
  return Number(found);
}

t.test('each unit may touch little more than its work takes', async (t) => {
  t.ok(units.includes('webizen-agent.service'));
  for (const unit of units) {
    const bound = worksWith[unit]?.most ?? most;
    const found = exposure(unit);
    t.ok(found <= bound, `${unit}: ${found}, at most ${bound}${worksWith[unit] ? `: ${worksWith[unit].why}` : ''}`);
  }
});

t.test('what a room is given is a drop-in of a unit that is there', async (t) => {
  const rooms = readdirSync(path.join(root, 'etc/systemd/system')).filter((name) => name.endsWith('.service.d'));
  for (const room of rooms) t.ok(existsSync(path.join(root, 'etc/systemd/system', room.slice(0, -2))), room);
});

t.test('what is begun where the data do not open does not have that tried again', async (t) => {
  const unit = (name: string): string => readFileSync(path.join(root, 'etc/systemd/system', name), 'utf8');
  const begun = /^OnFailure=(.+)$/m.exec(unit('webizen-data.service'))?.[1]?.split(' ') ?? [];
  t.strictSame(begun, ['webizen-locked.service']);
  for (const name of begun) {
    // sysinit.target wants what needs /data: with it, failing would begin anew without end.
    t.match(unit(name), /^DefaultDependencies=no$/m);
    t.notMatch(unit(name), /^(Requires|Wants|BindsTo|RequiresMountsFor)=.*(\.target|data|machine)/m);
  }
});
