/** What an app tries from inside a real container, and is not let. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { userOf } from '../../agent/apps/runtime/spec.js';
import { busyboxImage, nodeImage } from '../support/image.js';
import { testPodman } from '../support/podman.js';
import { probes } from '../support/probe.js';
import { type AppWish, appOf, listenAt, printedBy, small, testRunner } from '../support/runtime.js';

const podman = await testPodman(t);
const box = await testRunner(t, podman);
const setuid = { path: 'bin/busybox-as-root', data: await readFile('/bin/busybox'), mode: 0o4755 };
const busybox = busyboxImage({ more: [setuid, ...probes.entries] });
await box.runner.load(busybox, busybox.tar);

const patience = () => AbortSignal.timeout(60_000);
const ownerOf = (file: string): number | undefined => statSync(file, { throwIfNoEntry: false })?.uid;
let apps = 0;
/** Each line that the script prints is `name: what was seen`. */
async function seen(script: string, wish: Partial<AppWish> = {}): Promise<Record<string, string>> {
  apps += 1;
  const app = appOf(podman, { id: `escape.a${apps}`, image: busybox.digest, script, ...wish });
  const lines = (await printedBy(box, app)).split('\n').filter((line) => line.includes(': '));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
  );
}

/** Whether a command worked: `name: yes` or `name: no`. */
const tries = (commands: Record<string, string>): string =>
  Object.entries(commands)
    .map(([name, command]) => `if (${command}) >/dev/null 2>&1; then echo "${name}: yes"; else echo "${name}: no"; fi`)
    .join('\n');
const all = (names: Record<string, string>, answer: string): Record<string, string> =>
  Object.fromEntries(Object.keys(names).map((name) => [name, answer]));

t.test('it has no power: no capability, no way to get one, a filter on its calls', async (t) => {
  const found = await seen(
    `grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status | tr "\\t" " "; echo "setuid: $(/bin/busybox-as-root id -u)"; echo "user: $(id -u)"`,
  );
  const none = '0000000000000000';
  t.match(found, {
    CapInh: none,
    CapPrm: none,
    CapEff: none,
    CapBnd: none,
    CapAmb: none,
    NoNewPrivs: '1',
    Seccomp: '2',
  });
  t.equal(found.setuid, found.user, 'a program that belongs to root and says so runs as the app');
  t.not(found.user, '0');
});

t.test('its user is nobody’s on the machine, and no other app’s', async (t) => {
  const users = new Set<number | undefined>();
  for (const id of ['escape.one', 'escape.two']) {
    const app = appOf(podman, { id, image: busybox.digest, script: 'id -u; while true; do sleep 0.1; done' });
    await box.runner.start(app);
    box.runner.ready(id);
    await box.runner.settled(id, patience());
    const process = podman.run('container', 'inspect', '--format', '{{.State.Pid}}', `webizen-${id}`).trim();
    const user = ownerOf(`/proc/${process}`);
    t.equal(user, userOf(id));
    users.add(user);
    await box.runner.remove(id);
  }
  t.equal(users.size, 2);
});

t.test(
  'system calls that open the kernel are refused',
  { skip: process.arch !== probes.architecture && 'x86-64 only' },
  async (t) => {
    const user = 0x1000_0000;
    const refused: Record<string, string> = {
      unshare: `272 ${user}`,
      setns: '308 3 0',
      mount: '165',
      umount2: '166',
      pivot_root: '155',
      chroot: '161',
      fsopen: '430',
      open_tree: '428',
      move_mount: '429',
      mount_setattr: '442',
      'ptrace attach': '101 16 1',
      'ptrace traceme': '101 0',
      process_vm_readv: '310 1',
      process_vm_writev: '311 1',
      pidfd_getfd: '438 3 0',
      kcmp: '312 1 1',
      add_key: '248',
      request_key: '249',
      keyctl: '250 0',
      bpf: '321',
      perf_event_open: '298',
      userfaultfd: '323',
      io_uring_setup: '425 8',
      name_to_handle_at: '303',
      open_by_handle_at: '304',
      init_module: '175',
      finit_module: '313',
      kexec_load: '246',
      reboot: '169',
      swapon: '167',
      syslog: '103',
      quotactl: '179',
      settimeofday: '164',
      sethostname: '170',
      fanotify_init: '300',
      iopl: '172 3',
      modify_ldt: '154',
    };
    const script = Object.entries(refused).map(([name, call]) => `/bin/syscall ${call}; echo "${name}: $?"`);
    const found = await seen(script.join('\n'));
    t.same(found, all(refused, '1'), 'each with EPERM');

    const others = await seen(
      [
        '/bin/syscall 39; echo "getpid: $?"',
        '/bin/syscall 41 1 1 0; echo "unix: $?"',
        '/bin/syscall 41 2 1 0; echo "tcp: $?"',
        '/bin/syscall 41 16 3 0; echo "route netlink: $?"',
        `/bin/syscall 56 ${user + 17}; echo "clone: $?"`,
        '/bin/syscall 435; echo "clone3: $?"',
        '/bin/syscall 135 262144; echo "personality: $?"',
        '/bin/syscall 41 2 3 1; echo "raw: $?"',
        '/bin/syscall 41 17 3 0; echo "packet: $?"',
        '/bin/syscall 41 16 3 16; echo "generic netlink: $?"',
        '/bin/syscall 41 38 5 0; echo "alg: $?"',
        '/bin/syscall 41 40 1 0; echo "vsock: $?"',
        '/bin/old-gate; echo "gate of 32-bit programs: $?"',
      ].join('\n'),
    );
    const { 'gate of 32-bit programs': gate, ...rest } = others;
    t.same(rest, {
      ...{ getpid: '0', unix: '0', tcp: '0', 'route netlink': '0' },
      ...{ clone: '38', clone3: '38', personality: '38', raw: '1' },
      ...{ packet: '38', 'generic netlink': '38', alg: '38', vsock: '38' },
    });
    t.not(gate, '0');
  },
);

t.test('nothing of the machine is there to be read or written', async (t) => {
  const secret = path.join(podman.folder, 'secret');
  await writeFile(secret, 'the owner’s');
  const commands = {
    'a file of the host': `cat ${secret}`,
    'the host by way of process 1': `cat /proc/1/root${secret}`,
    'the root': 'echo x > /x',
    'a program': 'cp /bin/busybox /bin/ls',
    'the users': 'echo x:x:0:0::/:/bin/sh >> /etc/passwd',
    'a device': 'mknod /tmp/disk b 8 0',
    'a device in its own /dev': 'echo x > /dev/x',
    'kernel settings': 'echo 1 > /proc/sys/kernel/panic',
    'the switch': 'echo b > /proc/sysrq-trigger',
    'the core pattern': 'echo "|/tmp/x" > /proc/sys/kernel/core_pattern',
    'kernel memory': 'head -c 1 /proc/kcore | grep -q .',
    keys: 'grep -q . /proc/keys',
    sys: 'echo 1 > /sys/kernel/mm/ksm/run',
    'control groups': 'mkdir /sys/fs/cgroup/memory/x || mkdir /sys/fs/cgroup/x',
    'its own memory limit':
      'echo -1 > /sys/fs/cgroup/memory/memory.limit_in_bytes || echo max > /sys/fs/cgroup/memory.max',
    mounting: 'mount -t tmpfs x /tmp',
    'mounting again': 'mount -o remount,rw /',
    'a user namespace': 'unshare -U true',
    'a mount namespace': 'unshare -m true',
    'another root': 'chroot /tmp true',
    'a program of its own in /tmp': 'cp /bin/busybox /tmp/ls && /tmp/ls /',
    'a program of its own in its run directory': 'cp /bin/busybox /run/app/ls && /run/app/ls /',
    'a limit lifted': 'ulimit -n 2000',
    'being root': 'su root -c true',
  };
  t.same(await seen(tries(commands)), all(commands, 'no'));
  const own = await seen(
    `echo "processes: $(ls /proc | grep -c "^[0-9]")"; echo "disks: $(ls /dev | grep -cE "^(sd|vd|mmc|nvme|loop|kmsg|mem)")"; echo "root: $(ls / | tr "\\n" " ")"`,
  );
  t.ok(Number(own.processes) < 10, 'it sees its own processes');
  t.equal(own.disks, '0');
});

t.test('another app’s socket, data, processes and the box’s own sockets cannot be reached', async (t) => {
  const other = appOf(podman, {
    id: 'escape.other',
    image: busybox.digest,
    script: 'echo mine > /run/app/secret; echo mine > /tmp/secret; trap "exit 0" TERM; while true; do sleep 0.1; done',
    health: { kind: 'command', command: ['/bin/test', '-e', '/tmp/secret'], intervalSeconds: 1, timeoutSeconds: 60 },
  });
  const asked = await listenAt(t, path.join(other.socketDirectory, 'api.sock'));
  const admin = await listenAt(t, path.join(podman.folder, 'control.sock'));
  await box.runner.start(other);
  await box.runner.settled(other.id, patience());

  const program = `
    const { connect } = require('node:net');
    const { readdirSync, writeFileSync, rmSync } = require('node:fs');
    const places = ${JSON.stringify([
      path.join(other.socketDirectory, 'api.sock'),
      path.join(podman.folder, 'control.sock'),
      podman.socketPath,
      '/run/webizen/../other/api.sock',
      `/proc/1/root${podman.socketPath}`,
    ])};
    const tried = (what) => new Promise((resolve) => {
      const socket = connect(what, () => { resolve('reached'); socket.destroy(); }).on('error', (error) => resolve(error.code));
    });
    const attempt = (work) => { try { work(); return 'done'; } catch (error) { return error.code; } };
    (async () => {
      console.log('own: ' + await tried(process.env.WEBIZEN_SOCKET));
      for (const place of places) console.log(place + ': ' + await tried(place));
      console.log('abstract: ' + await tried('\\0webizen'));
      for (const host of ['10.0.2.2', '127.0.0.1', '192.168.0.1', '169.254.169.254', '1.1.1.1'])
        console.log(host + ': ' + await tried({ host, port: 80 }));
      console.log('files: ' + readdirSync('/run/webizen').join(' '));
      console.log('removing: ' + attempt(() => rmSync('/run/webizen/api.sock')));
      console.log('adding: ' + attempt(() => writeFileSync('/run/webizen/x', '')));
      console.log('killing: ' + attempt(() => process.kill(${podman.run('container', 'inspect', '--format', '{{.State.Pid}}', 'webizen-escape.other').trim()}, 0)));
    })();`;
  const node = nodeImage([{ path: 'app.cjs', data: Buffer.from(program) }]);
  await box.runner.load(node, node.tar);
  const app = appOf(podman, {
    id: 'escape.nosy',
    image: node.digest,
    command: ['/bin/node', '/app.cjs'],
    resources: { ...small, memoryMiB: 256 },
  });
  const own = await listenAt(t, path.join(app.socketDirectory, 'api.sock'));
  const printed = await printedBy(box, app);
  const reached = printed.split('\n').filter((line) => /: (reached|done)$/.test(line));
  t.same(reached, ['own: reached'], printed);
  t.match(printed, /^files: api\.sock$/m);
  t.match(printed, /^killing: ESRCH$/m);
  t.match(printed, /^1\.1\.1\.1: ENETUNREACH$/m);
  t.match(printed, /^127\.0\.0\.1: ECONNREFUSED$/m, 'its own loopback');
  t.same([asked(), admin(), own()], [0, 0, 0], 'nothing was asked of anybody');

  const commands = {
    'its run directory': 'grep -r mine /run/app',
    'its /tmp': 'grep -r mine /tmp',
    interfaces: 'ip link | grep -v LOOPBACK | grep -q "^[0-9]"',
    'a raw socket': 'ping -c 1 -W 1 127.0.0.1',
    'a name': 'nslookup example.com',
  };
  t.same(await seen(tries(commands)), all(commands, 'no'));
  t.equal(box.runner.show(other.id)?.restarts, 0);
  await box.runner.remove(other.id);
});

t.test('a bomb of processes, of memory or of files goes off inside, and the app beside it is well', async (t) => {
  const beside = appOf(podman, {
    id: 'escape.beside',
    image: busybox.digest,
    script: 'trap "exit 0" TERM; while true; do sleep 0.1; done',
    health: {
      kind: 'command',
      command: ['/bin/sh', '-c', 'echo x > /tmp/x && cat /tmp/x'],
      intervalSeconds: 1,
      timeoutSeconds: 60,
    },
  });
  await box.runner.start(beside);
  await box.runner.settled(beside.id, patience());

  const forks = appOf(podman, {
    id: 'escape.forks',
    image: busybox.digest,
    script: 'f() { f | f & }; f; trap "" TERM; while true; do f; sleep 0.1; done 2>/dev/null',
  });
  await box.runner.start(forks);
  box.runner.ready(forks.id);
  await box.until(forks.id, (run) => run.state !== 'starting');
  const user = userOf(forks.id);
  const crowd = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && ownerOf(`/proc/${name}`) === user).length;
  t.ok(crowd <= small.pids, `${crowd} processes`);
  await box.runner.remove(forks.id);

  const count = await seen('i=0; while [ $i -lt 100 ]; do sleep 60 & i=$((i+1)); echo "started: $i"; done');
  t.ok(Number(count.started) < small.pids, `${count.started} processes were made`);

  const memory = appOf(podman, { id: 'escape.memory', image: busybox.digest, command: ['/bin/tail', '/dev/zero'] });
  await box.runner.start(memory);
  await t.rejects(box.runner.settled(memory.id, patience()), { code: /^app-(crashed|out-of-memory)$/ });
  await box.runner.remove(memory.id);

  const resources = { ...small, memoryMiB: 256 };
  const disk = await seen(
    [
      'for place in /tmp /run/app /dev/shm; do',
      'dd if=/dev/zero of=$place/fill bs=64k count=4000 2>/dev/null; echo "$place: $(stat -c %s $place/fill)"; rm $place/fill',
      'done',
      'i=0; while [ $i -lt 5000 ] && true 2>/dev/null > /run/app/f$i; do i=$((i+1)); done; echo "files: $i"',
    ].join('\n'),
    { resources },
  );
  t.same(
    [disk['/tmp'], disk['/run/app'], disk['/dev/shm']].map((bytes) => Number(bytes) / 1024 ** 2),
    [64, 8, 16],
    'as many megabytes as they may hold',
  );
  t.ok(Number(disk.files) <= 1024, `${disk.files} files`);

  t.match(box.runner.show(beside.id), { state: 'running', restarts: 0, health: null });
  await box.runner.remove(beside.id);
});

t.test('a flood of output fills its log’s budget and no more', async (t) => {
  const app = appOf(podman, {
    id: 'escape.flood',
    image: busybox.digest,
    script: 'yes "a line that says nothing, again and again" | head -n 200000; echo last; exit 0',
  });
  await box.runner.start(app);
  await box.runner.settled(app.id, patience()).catch(() => {});
  const folder = path.join(podman.folder, 'root/overlay-containers');
  const logs = readdirSync(folder, { recursive: true })
    .map((file) => path.join(folder, String(file)))
    .filter((file) => file.includes('ctr.log') && existsSync(file));
  const bytes = logs.reduce((sum, file) => sum + statSync(file).size, 0);
  t.ok(bytes > 0 && bytes <= 2.2 * 1024 ** 2, `${bytes} bytes in ${logs.length} files`);
  t.match(await box.runner.logs(app.id, { tailBytes: 100 }), /last\n$/);
  await box.runner.remove(app.id);
});
