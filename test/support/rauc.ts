/**
 * RAUC itself, its service on a bus of its own, over two slots that are files; a boot loader in files beside them. What it
 * mounts is seen in a mount namespace of its own. Bundles are of the format `plain`: verity needs device-mapper.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { OsRelease } from '#contract/os-release.js';
import { createRauc } from '../../agent/host/rauc.js';
import type { OsHost } from '../../agent/host/slots.js';
import { ownFolder } from './folder.js';

interface Teardown {
  teardown(work: () => unknown): void;
}

const execute = promisify(execFile);
const imageBytes = 1024 * 1024;
const imageOf = (version: string): Buffer => Buffer.alloc(imageBytes, `IMAGE_VERSION=${version}\n`);

const handler = `#!/bin/sh
# Called by RAUC: get-primary, set-primary, get-state, set-state, with the name of a slot for the boot loader.
cd "$(dirname "$0")"
echo "$*" >> log
case "$1" in
  get-primary) cat primary ;;
  set-primary) echo "$2" > primary; echo good > "state.$2" ;;
  get-state) cat "state.$2" ;;
  set-state)
    echo "$3" > "state.$2"
    if [ -e kill ]; then rm kill; kill -9 "$PPID"; fi ;;
esac
`;

const bus = (
  socket: string,
): string => `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>custom</type><listen>unix:path=${socket}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>`;

async function gone(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

export interface BundleWish {
  compatible?: string;
  signer?: 'publisher' | 'stranger';
  /** What is done to the bytes when all is signed. */
  damage?: (bytes: Buffer) => Buffer;
}

export async function testRauc(t: Teardown) {
  const folder = await ownFolder(t);
  const at = (...parts: string[]): string => path.join(folder, ...parts);
  const socket = at('bus.sock');
  const env = {
    PATH: `${process.env.PATH}:/usr/sbin:/sbin`,
    DBUS_SYSTEM_BUS_ADDRESS: `unix:path=${socket}`,
    LC_ALL: 'C',
  };
  for (const name of ['boot', 'mnt']) await mkdir(at(name));
  await writeFile(at('boot', 'handler'), handler);
  await chmod(at('boot', 'handler'), 0o755);
  await writeFile(at('slot-a'), imageOf('1.0.0'));
  await writeFile(at('slot-b'), Buffer.alloc(imageBytes));
  for (const [name, text] of [
    ['primary', 'A'],
    ['state.A', 'good'],
    ['state.B', 'bad'],
  ] as const)
    await writeFile(at('boot', name), `${text}\n`);
  for (const name of ['publisher', 'stranger']) {
    const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at(`${name}.key`)];
    await execute('openssl', [
      'req',
      '-x509',
      ...key,
      '-subj',
      `/CN=${name}`,
      '-days',
      '30',
      '-out',
      at(`${name}.pem`),
    ]);
  }
  await writeFile(
    at('system.conf'),
    `[system]
compatible=webizen-test
bootloader=custom
mountprefix=${at('mnt')}
statusfile=${at('status')}
bundle-formats=plain
[handlers]
bootloader-custom-backend=${at('boot', 'handler')}
[keyring]
path=${at('publisher.pem')}
${['a', 'b'].map((name, index) => `[slot.rootfs.${index}]\ndevice=${at(`slot-${name}`)}\ntype=raw\nbootname=${name.toUpperCase()}\n`).join('')}`,
  );
  await writeFile(at('bus.conf'), bus(socket));

  let booted: 'A' | 'B' = 'A';
  let service: ChildProcess | undefined;
  let isOver = false;
  const daemon = spawn('dbus-daemon', [`--config-file=${at('bus.conf')}`, '--nofork', '--print-address'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(daemon.stdout, 'data'); // its address: it listens

  /** As systemd does: started again where it was killed. */
  function serve(): void {
    const args = ['-m', 'rauc', '--conf', at('system.conf'), 'service', `--override-boot-slot=${booted}`];
    const mine = spawn('unshare', args, { stdio: 'ignore', env });
    service = mine;
    mine.once('exit', () => !isOver && service === mine && serve());
  }

  const os: OsHost = createRauc({
    env,
    osRelease: async () => (await readFile(at(booted === 'A' ? 'slot-a' : 'slot-b'), 'utf8')).split('\n')[0],
  });

  async function start(): Promise<void> {
    const before = service;
    service = undefined;
    await gone(before);
    const primary = readFileSync(at('boot', 'primary'), 'utf8').trim() as 'A' | 'B';
    const isBad = readFileSync(at('boot', `state.${primary}`), 'utf8').trim() === 'bad';
    booted = isBad ? (primary === 'A' ? 'B' : 'A') : primary;
    serve();
    while (!(await os.slots().catch(() => undefined))) await new Promise((resolve) => setTimeout(resolve, 50)); // a look
  }

  t.teardown(async () => {
    isOver = true;
    await gone(service);
    await gone(daemon);
  });
  serve();
  await start();

  return {
    os,
    /** Power off and on. */
    start,
    booted: () => booted,
    state: (name: string): string => readFileSync(at('boot', name), 'utf8').trim(),
    slot: (name: 'a' | 'b'): Buffer => readFileSync(at(`slot-${name}`)),
    /** Its service dies when it marks a slot the next time. */
    killNext: () => writeFile(at('boot', 'kill'), ''),
    wasKilled: () => !existsSync(at('boot', 'kill')),
    async bundle(version: string, { compatible = 'webizen-test', signer = 'publisher', damage }: BundleWish = {}) {
      const content = at('content');
      await rm(content, { recursive: true, force: true });
      await mkdir(content);
      await writeFile(path.join(content, 'rootfs.img'), imageOf(version));
      const manifest = `[update]\ncompatible=${compatible}\nversion=${version}\n[bundle]\nformat=plain\n[image.rootfs]\nfilename=rootfs.img\n`;
      await writeFile(path.join(content, 'manifest.raucm'), manifest);
      const file = at('made.raucb');
      await rm(file, { force: true });
      await execute('rauc', ['--cert', at(`${signer}.pem`), '--key', at(`${signer}.key`), 'bundle', content, file], {
        env,
      });
      const made = await readFile(file);
      const bytes = damage ? damage(made) : made;
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      return { bytes, bundle: { sha256, size: bytes.length } satisfies OsRelease['bundle'] };
    },
  };
}
