/**
 * The measured values of a health sample. Names and units follow OpenTelemetry's semantic conventions; where one needs
 * an attribute it stands in braces behind the name, `system.network.io{network.io.direction=receive}`, so that a sample
 * stays a flat map from name to number.
 */
export const metrics = {
  'system.cpu.utilization': { unit: '1', kind: 'gauge', title: 'CPU in use' },
  'system.memory.limit': { unit: 'By', kind: 'gauge', title: 'Memory in all' },
  'system.memory.usage': { unit: 'By', kind: 'gauge', title: 'Memory in use' },
  'system.memory.utilization': { unit: '1', kind: 'gauge', title: 'Memory in use' },
  'system.filesystem.limit': { unit: 'By', kind: 'gauge', title: 'Disk in all' },
  'system.filesystem.usage': { unit: 'By', kind: 'gauge', title: 'Disk in use' },
  'system.filesystem.utilization': { unit: '1', kind: 'gauge', title: 'Disk in use' },
  'system.network.io{network.io.direction=receive}': { unit: 'By', kind: 'counter', title: 'Network received' },
  'system.network.io{network.io.direction=transmit}': { unit: 'By', kind: 'counter', title: 'Network sent' },
  'hw.temperature': { unit: 'Cel', kind: 'gauge', title: 'Temperature' },
  'system.uptime': { unit: 's', kind: 'gauge', title: 'Up since' },
  'process.memory.usage': { unit: 'By', kind: 'gauge', title: 'Agent memory' },
} as const;

export type MetricName = keyof typeof metrics;

/** What a sample may carry, from this or a later version of the agent. */
export const metricNamePattern = '^[a-z][a-z0-9_.]{0,79}(\\{[a-z0-9_.]{1,40}=[A-Za-z0-9_./:-]{1,80}\\})?$';
