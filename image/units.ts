/** Which of systemd's units a box starts by itself, and which of Debian's it never does. */
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';

const enabled = {
  'multi-user.target.wants': [
    'webizen-agent.service',
    'webizen-country.path',
    'webizen-forward.service',
    'webizen-good.path',
  ],
  'sysinit.target.wants': ['webizen-machine.service', 'webizen-trial.timer'],
};
const wanted = { 'sockets.target.wants': ['podman.socket'] };
/** Nobody logs in; what Debian does for a machine that is administered is not done. */
const masked = [
  ...[
    'getty.target',
    'autovt@.service',
    'systemd-firstboot.service',
    'systemd-machine-id-commit.service',
    'ldconfig.service',
  ],
  ...['systemd-hwdb-update.service', 'systemd-journal-catalog-update.service', 'systemd-update-done.service'],
  ...[
    'systemd-sysusers.service',
    'dpkg-db-backup.timer',
    'e2scrub_all.timer',
    'e2scrub_reap.service',
    'podman-restart.service',
  ],
  ...[
    'podman-auto-update.timer',
    'systemd-logind.service',
    'debug-shell.service',
    'netavark-dhcp-proxy.service',
    'netavark-dhcp-proxy.socket',
    'systemd-pstore.service',
  ],
];

export function units(tree: string): void {
  const home = path.join(tree, 'etc/systemd/system');
  const link = (to: string, name: string): void => {
    mkdirSync(path.dirname(path.join(home, name)), { recursive: true });
    rmSync(path.join(home, name), { force: true });
    symlinkSync(to, path.join(home, name));
  };
  for (const [target, names] of Object.entries(enabled))
    for (const name of names) link(`../${name}`, `${target}/${name}`);
  for (const [target, names] of Object.entries(wanted))
    for (const name of names) link(`/usr/lib/systemd/system/${name}`, `${target}/${name}`);
  for (const name of masked) link('/dev/null', name);
}
