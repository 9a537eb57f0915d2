/**
 * The measured values of a health sample. Names and units follow OpenTelemetry's semantic conventions; where one needs
 * an attribute it stands in braces behind the name, `system.network.io{network.io.direction=receive}`, so that a sample
 * stays a flat map from name to number. What the conventions do not know is named in their manner.
 */
export const metrics = {
  'system.cpu.utilization': { unit: '1', kind: 'gauge', title: 'CPU in use' },
  'system.cpu.load_average.5m': { unit: '1', kind: 'gauge', title: 'Load, over 5 minutes' },
  // Share of the last minute in which something had to wait for it (Linux, Documentation/accounting/psi.rst).
  'system.linux.pressure{system.linux.resource=cpu}': { unit: '1', kind: 'gauge', title: 'Waiting for the CPU' },
  'system.linux.pressure{system.linux.resource=memory}': { unit: '1', kind: 'gauge', title: 'Waiting for memory' },
  'system.linux.pressure{system.linux.resource=io}': { unit: '1', kind: 'gauge', title: 'Waiting for disks' },
  'system.memory.limit': { unit: 'By', kind: 'gauge', title: 'Memory in all' },
  'system.memory.usage': { unit: 'By', kind: 'gauge', title: 'Memory in use' },
  'system.memory.utilization': { unit: '1', kind: 'gauge', title: 'Memory in use' },
  'system.paging.limit': { unit: 'By', kind: 'gauge', title: 'Swap in all' },
  'system.paging.usage': { unit: 'By', kind: 'gauge', title: 'Swap in use' },
  // Of the filesystem that holds the agent's data.
  'system.filesystem.limit': { unit: 'By', kind: 'gauge', title: 'Disk in all' },
  'system.filesystem.usage': { unit: 'By', kind: 'gauge', title: 'Disk in use' },
  'system.filesystem.utilization': { unit: '1', kind: 'gauge', title: 'Disk in use' },
  'system.filesystem.inodes.utilization': { unit: '1', kind: 'gauge', title: 'Files that the disk can hold, in use' },
  // Where the system has a filesystem of its own.
  'system.filesystem.utilization{system.filesystem.mountpoint=/}': {
    unit: '1',
    kind: 'gauge',
    title: 'System disk in use',
  },
  'system.filesystem.inodes.utilization{system.filesystem.mountpoint=/}': {
    unit: '1',
    kind: 'gauge',
    title: 'Files that the system disk can hold, in use',
  },
  'system.filesystem.errors': { unit: '{error}', kind: 'counter', title: 'Errors of the filesystems' },
  'hw.errors{hw.type=physical_disk}': { unit: '{error}', kind: 'counter', title: 'Errors of the disks' },
  // JEDEC eMMC 5.0: life time estimation, in steps of a tenth. The worst of the box's cards.
  'hw.physical_disk.endurance_utilization{hw.physical_disk.state=remaining}': {
    unit: '1',
    kind: 'gauge',
    title: 'Life that the card has left',
  },
  'hw.physical_disk.pre_eol': { unit: '1', kind: 'gauge', title: 'Spare blocks: 1 enough, 2 few, 3 nearly none' },
  'system.network.io{network.io.direction=receive}': { unit: 'By', kind: 'counter', title: 'Network received' },
  'system.network.io{network.io.direction=transmit}': { unit: 'By', kind: 'counter', title: 'Network sent' },
  'system.network.errors{network.io.direction=receive}': {
    unit: '{error}',
    kind: 'counter',
    title: 'Network errors, receiving',
  },
  'system.network.errors{network.io.direction=transmit}': {
    unit: '{error}',
    kind: 'counter',
    title: 'Network errors, sending',
  },
  'system.network.wireless.signal': { unit: 'dBm', kind: 'gauge', title: 'Wi-Fi signal' },
  'hw.temperature': { unit: 'Cel', kind: 'gauge', title: 'Temperature' },
  'hw.status{hw.state=throttled}': { unit: '1', kind: 'gauge', title: 'Slowed down by heat or power' },
  'hw.status{hw.state=under_voltage}': { unit: '1', kind: 'gauge', title: 'Supply voltage too low' },
  'hw.status{hw.state=under_voltage_since_boot}': {
    unit: '1',
    kind: 'gauge',
    title: 'Supply voltage was too low since the start',
  },
  'system.uptime': { unit: 's', kind: 'gauge', title: 'Up since' },
  'system.clock.trusted': { unit: '1', kind: 'gauge', title: 'The time is known' },
  'system.clock.offset': { unit: 's', kind: 'gauge', title: "The system's clock, ahead of the time" },
  'process.memory.usage': { unit: 'By', kind: 'gauge', title: 'Agent memory' },
  'nodejs.eventloop.utilization': { unit: '1', kind: 'gauge', title: 'Agent busy' },
  'nodejs.eventloop.delay.max': { unit: 's', kind: 'gauge', title: 'Agent late, at most' },
} as const;

export type MetricName = keyof typeof metrics;

/** Of each app, by its id. */
export const appMetrics = {
  'container.cpu.time': { unit: 's', kind: 'counter', title: 'CPU used by the app' },
  'container.memory.usage': { unit: 'By', kind: 'gauge', title: 'Memory of the app' },
  'container.restarts': { unit: '{restart}', kind: 'counter', title: 'Restarts of the app' },
} as const;

export type AppMetric = keyof typeof appMetrics;
export type AppMetricName = `${AppMetric}{webizen.app=${string}}`;

export const appMetricName = (metric: AppMetric, app: string): AppMetricName => `${metric}{webizen.app=${app}}`;

/** The app and what is measured of it; undefined for what is not about an app. */
export function readAppMetric(name: string): { metric: AppMetric; app: string } | undefined {
  const [, metric = '', app = ''] = /^([a-z.]+)\{webizen\.app=([^}]+)\}$/.exec(name) ?? [];
  return app !== '' && Object.hasOwn(appMetrics, metric) ? { metric: metric as AppMetric, app } : undefined;
}

/** Unit, kind and title of any name that this version knows; undefined for others. */
export function describeMetric(name: string): { unit: string; kind: 'gauge' | 'counter'; title: string } | undefined {
  if (Object.hasOwn(metrics, name)) return metrics[name as MetricName];
  const ofApp = readAppMetric(name);
  return ofApp && appMetrics[ofApp.metric];
}

/** What a sample may carry, from this or a later version of the agent. */
export const metricNamePattern = '^[a-z][a-z0-9_.]{0,79}(\\{[a-z0-9_.]{1,40}=[A-Za-z0-9_./:-]{1,80}\\})?$';
