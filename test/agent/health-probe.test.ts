/** What is measured, over the kernel files of a Pi, of a PC, of a machine that tells nothing, and over garbage. */
import { appendFile, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { appMetricName, describeMetric, metricNamePattern, readAppMetric } from '#contract/metrics.js';
import { createInventory } from '../../agent/health/probe/inventory.js';
import { networkTotals } from '../../agent/health/probe/network.js';
import { createProbe } from '../../agent/health/probe.js';
import { type Host, realHost } from '../../agent/host/host.js';
import { ownFolder } from '../support/folder.js';

const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0
  eth0: 100 1 3 0 0 0 0 0 10 1 4 0 0 0 0 0
veth0a1: 700 1 9 0 0 0 0 0 700 1 9 0 0 0 0 0
 wlan0:23 1 0 0 0 0 0 0 2 1 0 0 0 0 0 0
`;

const common = {
  '/proc/stat': 'cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4\n',
  '/proc/loadavg': '0.25 0.85 2.06 4/131 5766\n',
  '/proc/meminfo':
    'MemTotal:        4000000 kB\nMemFree:  1 kB\nMemAvailable:    1000000 kB\nSwapTotal:  200 kB\nSwapFree:  150 kB\n',
  '/proc/net/dev': netDev,
};

const pi = {
  ...common,
  '/proc/net/wireless': `Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
 wlan0: 0000   54.  -56.  -256        0      0      0      0      0        0
`,
  '/sys/class/thermal/thermal_zone0/temp': '48312\n',
  '/sys/class/thermal/cooling_device0/type': 'fan\n',
  '/sys/class/hwmon/hwmon0/name': 'cpu_thermal\n',
  '/sys/class/hwmon/hwmon1/name': 'rpi_volt\n',
  '/sys/class/hwmon/hwmon1/in0_lcrit_alarm': '0\n',
  '/sys/devices/platform/soc/soc:firmware/get_throttled': '50005\n',
  '/sys/bus/mmc/devices/mmc0:0001/life_time': '0x02 0x03\n',
  '/sys/bus/mmc/devices/mmc0:0001/pre_eol_info': '0x01\n',
  '/sys/fs/ext4/features/lazy_itable_init': 'supported\n',
  '/sys/fs/ext4/mmcblk0p2/errors_count': '2\n',
};

const pc = {
  ...common,
  '/proc/pressure/cpu':
    'some avg10=4.91 avg60=2.46 avg300=9.24 total=7047627726\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n',
  '/proc/pressure/memory':
    'some avg10=0.00 avg60=0.00 avg300=0.00 total=156966\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9051\n',
  '/proc/pressure/io': 'some avg10=0.62 avg60=31.20 avg300=0.39 total=311920789\n',
  '/sys/class/thermal/thermal_zone0/temp': '27800\n',
  '/sys/class/thermal/thermal_zone1/temp': '55000\n',
  '/sys/class/thermal/thermal_zone2/temp': '-273200\n',
  '/sys/block/sda/device/ioerr_cnt': '0x1f\n',
  '/sys/block/loop0/size': '0\n',
  '/sys/fs/ext4/sda1/errors_count': '0\n',
};

const data = { totalBytes: 1000, freeBytes: 400, inodes: 100, freeInodes: 90 };

/** A machine whose kernel holds these files and no others. */
function machine(files: Record<string, string>, spaces: { data?: object; root?: object } = {}): Host {
  return {
    ...realHost,
    space: async (directory) => ({ ...data, ...(directory === '/' ? (spaces.root ?? spaces.data) : spaces.data) }),
    kernel: async (file) => files[file],
    async list(directory) {
      const inside = Object.keys(files).filter((file) => file.startsWith(`${directory}/`));
      return [...new Set(inside.map((file) => file.slice(directory.length + 1).split('/')[0] ?? ''))].toSorted();
    },
  };
}

async function measured(t: { teardown(work: () => void): void }, host: Host, more: object = {}) {
  const probe = createProbe({ host, dataDir: '/data', ...more });
  t.teardown(() => probe.stop());
  return probe.sample();
}

t.test('a Raspberry Pi tells its heat, its power, its card and its Wi-Fi', async (t) => {
  const values = await measured(t, machine(pi, { root: { totalBytes: 2000, freeBytes: 100 } }));
  t.match(values, {
    'system.cpu.utilization': 0.2,
    'system.cpu.load_average.5m': 0.85,
    'system.memory.limit': 4_096_000_000,
    'system.memory.usage': 3_072_000_000,
    'system.memory.utilization': 0.75,
    'system.paging.limit': 204_800,
    'system.paging.usage': 51_200,
    'system.filesystem.limit': 1000,
    'system.filesystem.usage': 600,
    'system.filesystem.utilization': 0.6,
    'system.filesystem.inodes.utilization': 0.1,
    'system.filesystem.utilization{system.filesystem.mountpoint=/}': 0.95,
    'system.filesystem.errors': 2,
    'hw.physical_disk.endurance_utilization{hw.physical_disk.state=remaining}': 0.7,
    'hw.physical_disk.pre_eol': 1,
    'hw.temperature': 48.3,
    'hw.status{hw.state=under_voltage}': 1,
    'hw.status{hw.state=under_voltage_since_boot}': 1,
    'hw.status{hw.state=throttled}': 1,
    'system.network.io{network.io.direction=receive}': 123,
    'system.network.io{network.io.direction=transmit}': 12,
    'system.network.errors{network.io.direction=receive}': 3,
    'system.network.errors{network.io.direction=transmit}': 4,
    'system.network.wireless.signal': -56,
  });
  t.notOk(
    Object.keys(values).some((name) => name.startsWith('system.linux.pressure')),
    'its kernel counts no pressure',
  );
  const mainline = await measured(
    t,
    machine({
      ...pi,
      '/sys/devices/platform/soc/soc:firmware/get_throttled': '',
      '/sys/class/hwmon/hwmon1/in0_lcrit_alarm': '1\n',
    }),
  );
  t.equal(mainline['hw.status{hw.state=under_voltage}'], 1, "Linux's own driver tells the voltage too");
});

t.test('a root to which nothing is ever written is full by its making, and that is not told', async (t) => {
  const mounted = (options: string) =>
    `21 30 0:20 / /proc rw - proc proc rw\n30 1 254:2 / / ro,nodev shared:1 - ext4 /dev/root ${options}\n`;
  const ofRoot = async (options: string) => {
    const values = await measured(
      t,
      machine({ '/proc/self/mountinfo': mounted(options) }, { root: { totalBytes: 2000, freeBytes: 100 } }),
    );
    return Object.keys(values).filter((name) => name.includes('mountpoint=/'));
  };
  t.same(await ofRoot('ro,errors=remount-ro'), []);
  t.ok((await ofRoot('rw,errors=remount-ro')).length > 0, 'one that the agent alone may not write to can fill up');
});

t.test('a PC tells pressure, its hottest sensor and what its disks count', async (t) => {
  const values = await measured(t, machine(pc));
  t.match(values, {
    'system.linux.pressure{system.linux.resource=cpu}': 0.025,
    'system.linux.pressure{system.linux.resource=memory}': 0,
    'system.linux.pressure{system.linux.resource=io}': 0.312,
    'hw.temperature': 55,
    'hw.errors{hw.type=physical_disk}': 31,
    'system.filesystem.errors': 0,
  });
  const names = Object.keys(values);
  t.notOk(
    names.some((name) => /mountpoint|hw\.status|wireless|endurance/.test(name)),
    'what it has not is left out',
  );
});

t.test('a machine whose kernel tells nothing still has a disk, a time and an agent', async (t) => {
  const values = await measured(t, machine({}), { time: () => ({ trusted: false, offsetSeconds: undefined }) });
  t.same(Object.keys(values).toSorted(), [
    'nodejs.eventloop.utilization',
    'process.memory.usage',
    'system.clock.trusted',
    'system.filesystem.inodes.utilization',
    'system.filesystem.limit',
    'system.filesystem.usage',
    'system.filesystem.utilization',
    'system.uptime',
  ]);
  t.equal(values['system.clock.trusted'], 0);
});

t.test('an app is measured by its control group, or else by its process alone', async (t) => {
  const group = '/machine.slice/libpod-1.scope/container';
  const files = {
    '/proc/self/cgroup': '0::/system.slice/webizen-agent.service\n',
    '/proc/10/cgroup': `1:name=systemd:/\n0::${group}\n`,
    [`/sys/fs/cgroup${group}/cpu.stat`]: 'usage_usec 12345678\nuser_usec 1\n',
    [`/sys/fs/cgroup${group}/memory.current`]: '45056\n',
    '/proc/11/cgroup': '0::/system.slice/webizen-agent.service\n',
    '/proc/11/stat': `11 (a ) 9 (b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 1 0 100 9000 77 1\n`,
    '/proc/11/status': 'Name:\tapp\nVmRSS:\t    300 kB\n',
  };
  const apps = () => [
    { id: 'example.visits', restarts: 2, pid: 10 },
    { id: 'plain', restarts: 0, pid: 11 },
    { id: 'gone', restarts: 1, pid: null },
    { id: 'hidden', restarts: 0, pid: 12 },
  ];
  const values = await measured(t, machine(files), { apps });
  const ofApps = Object.entries(values).filter(([name]) => readAppMetric(name));
  t.same(Object.fromEntries(ofApps), {
    'container.restarts{webizen.app=example.visits}': 2,
    'container.cpu.time{webizen.app=example.visits}': 12.3,
    'container.memory.usage{webizen.app=example.visits}': 45_056,
    'container.restarts{webizen.app=plain}': 0,
    'container.cpu.time{webizen.app=plain}': 2,
    'container.memory.usage{webizen.app=plain}': 307_200,
    'container.restarts{webizen.app=gone}': 1,
    'container.restarts{webizen.app=hidden}': 0,
  });
});

t.test('this machine, as it is: every name is one of the contract', async (t) => {
  const probe = createProbe({
    host: realHost,
    dataDir: await ownFolder(t),
    apps: () => [{ id: 'me', restarts: 0, pid: process.pid }],
  });
  t.teardown(() => probe.stop());
  const values = await probe.sample();
  t.ok((values['system.memory.limit'] ?? 0) > 0);
  t.ok((values['container.memory.usage{webizen.app=me}'] ?? 0) > 0);
  for (const [name, value] of Object.entries(values)) {
    t.ok(describeMetric(name), name);
    t.match(name, new RegExp(metricNamePattern));
    t.ok(Number.isFinite(value), `${name} ${value}`);
  }
});

t.test('files of /proc and /sys are read where they are, and missing ones are none', async (t) => {
  const folder = await ownFolder(t);
  await mkdir(path.join(folder, 'zone'));
  await writeFile(path.join(folder, 'b'), '1');
  await appendFile(path.join(folder, 'a'), '2');
  t.same(await realHost.list(folder), ['a', 'b', 'zone']);
  t.same(await realHost.list(path.join(folder, 'none')), []);
  t.equal(await realHost.kernel(path.join(folder, 'b')), '1');
  t.equal(await realHost.kernel(path.join(folder, 'zone')), undefined, 'a directory is no file');
  const space = await realHost.space(folder);
  t.ok(space.totalBytes >= space.freeBytes && space.inodes >= space.freeInodes);
});

const garbage = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.constantFrom(
    'NaN',
    '-1',
    '1e999',
    '9'.repeat(30),
    '0x',
    'cpu',
    'cpu  1 2',
    'cpu  9 9 9 99999999999999999999 1',
    ':',
    '0::/..',
  ),
  fc.double().map(String),
);

t.test('whatever stands in the kernel’s files, nothing throws and nothing but numbers comes out', async () => {
  const names = [
    ...new Set([
      ...Object.keys(pi),
      ...Object.keys(pc),
      '/proc/10/stat',
      '/proc/10/cgroup',
      '/proc/10/status',
      '/proc/self/cgroup',
    ]),
  ];
  /** A true file, torn: cut short, or with other bytes in its middle. */
  const torn = (text: string) =>
    fc
      .tuple(fc.nat(text.length), garbage, fc.nat(text.length))
      .map(([at, what, to]) => text.slice(0, at) + what + text.slice(to));
  const files = fc.record(
    Object.fromEntries(
      names.map((name) => {
        const text = (pi as Record<string, string>)[name] ?? (pc as Record<string, string>)[name] ?? '';
        return [name, fc.oneof(fc.constant(text), garbage, torn(text))];
      }),
    ),
    { requiredKeys: [] },
  );
  const number = fc.nat(2 ** 40);
  const space = fc.record({ totalBytes: number, freeBytes: number, inodes: number, freeInodes: number });
  await fc.assert(
    fc.asyncProperty(files, space, space, async (found, data, root) => {
      const apps = () => [{ id: 'an.app', restarts: 1, pid: 10 }];
      const probe = createProbe({
        host: machine(found as Record<string, string>, { data, root }),
        dataDir: '/data',
        apps,
      });
      for (const values of [await probe.sample(), await probe.sample()])
        for (const [name, value] of Object.entries(values)) {
          if (!Number.isFinite(value)) throw new Error(`${name} is ${value}`);
          if (/utilization|pressure/.test(name) && (value < 0 || value > 1)) throw new Error(`${name} is ${value}`);
          if (/^system\.network\.(io|errors)/.test(name) && value < 0) throw new Error(`${name} is ${value}`);
        }
      probe.stop();
    }),
    { numRuns: 300 },
  );
});

t.test("the kernel's network counters are summed over what leads out of the box", async (t) => {
  t.same(networkTotals(netDev), { receive: 123, transmit: 12, receiveErrors: 3, transmitErrors: 4 });
  t.same(networkTotals('nonsense'), { receive: 0, transmit: 0, receiveErrors: 0, transmitErrors: 0 });
});

t.test('what the machine is, is asked once, and again when system or network have changed', async (t) => {
  const files: Record<string, string> = {
    '/etc/os-release': 'PRETTY_NAME="Debian 13"\n',
    '/sys/class/net/eth0/address': '',
    '/proc/cmdline': 'quiet rauc.slot=A ro\n',
  };
  let asked = 0;
  const { kernel, list } = machine(files);
  let fails = false;
  const inventory = createInventory({
    kernel,
    list,
    async ask() {
      asked += 1;
      if (fails) throw new Error('it cannot be spawned');
      return [
        { manufacturer: 'Raspberry Pi', model: '4 B' },
        { distro: 'Debian', release: '13' },
      ];
    },
  });
  t.match(await inventory(), { model: 'Raspberry Pi 4 B', os: 'Debian 13', slot: 'A', bootReason: undefined });
  await inventory();
  t.equal(asked, 1);
  files['/sys/class/net/veth1/address'] = '';
  await inventory();
  t.equal(asked, 1, "an app's own interface is no change");
  files['/sys/class/net/wlan0/address'] = '';
  files['/sys/class/watchdog/watchdog0/bootstatus'] = '32\n';
  t.match(await inventory(), { bootReason: 'the watchdog fired' });
  t.equal(asked, 2);
  files['/sys/fs/pstore/dmesg-efi-1'] = 'Oops';
  files['/etc/os-release'] = 'PRETTY_NAME="Debian 14"\n';
  fails = true;
  await t.rejects(inventory());
  fails = false;
  t.match(await inventory(), { bootReason: /kernel crashed/ }, 'what failed is asked again');
});

t.test('a metric of an app is built and read in one place', async (t) => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z][a-z0-9-]{0,20}(\.[a-z][a-z0-9-]{0,20}){0,2}$/), (app) => {
      const read = readAppMetric(appMetricName('container.restarts', app));
      return read?.app === app && read.metric === 'container.restarts';
    }),
  );
  t.match(describeMetric('container.cpu.time{webizen.app=a.b}'), { kind: 'counter', unit: 's' });
  t.equal(describeMetric('constructor'), undefined);
  for (const name of [
    'container.restarts',
    'container.other{webizen.app=a}',
    'hw.temperature',
    'toString{webizen.app=a}',
  ])
    t.equal(readAppMetric(name), undefined, name);
});
