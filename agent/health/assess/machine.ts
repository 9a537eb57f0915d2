/** Memory, processor, heat, power, and how the machine was started. */
import { day, hour, judge, minute, one, type Rule } from './rule.js';
import { bytes, percent, span } from './words.js';

const memory: Rule = {
  kind: 'memory-low',
  beginMilliseconds: 5 * minute,
  endMilliseconds: 15 * minute,
  read({ values }) {
    const [limit, usage] = [values['system.memory.limit'] ?? 0, values['system.memory.usage'] ?? 0];
    return one(values['system.memory.utilization'], (share) => ({
      ...judge(share, [
        { level: 2, begin: 0.92, end: 0.87 },
        { level: 3, begin: 0.98, end: 0.95 },
      ]),
      evidence: `${percent(share)} are in use: ${bytes(usage)} of ${bytes(limit)}.`,
    }));
  },
};

const memoryPressure: Rule = {
  kind: 'memory-pressure',
  beginMilliseconds: 10 * minute,
  endMilliseconds: 20 * minute,
  read({ values }) {
    const swapped = values['system.paging.usage'];
    const swap = swapped ? ` ${bytes(swapped)} had to be moved to the disk.` : '';
    return one(values['system.linux.pressure{system.linux.resource=memory}'], (share) => ({
      ...judge(share, [
        { level: 2, begin: 0.1, end: 0.05 },
        { level: 3, begin: 0.4, end: 0.2 },
      ]),
      evidence: `For ${percent(share)} of the last minute something waited for memory.${swap}`,
    }));
  },
};

const diskPressure: Rule = {
  kind: 'disk-pressure',
  beginMilliseconds: 30 * minute,
  endMilliseconds: 30 * minute,
  read: ({ values }) =>
    one(values['system.linux.pressure{system.linux.resource=io}'], (share) => ({
      ...judge(share, [{ level: 2, begin: 0.6, end: 0.4 }]),
      evidence: `For ${percent(share)} of the last minute something waited for the disk.`,
    })),
};

const busy: Rule = {
  kind: 'busy',
  beginMilliseconds: 30 * minute,
  endMilliseconds: 30 * minute,
  read: ({ values }) =>
    one(values['system.cpu.utilization'], (share) => ({
      ...judge(share, [{ level: 1, begin: 0.95, end: 0.8 }]),
      evidence: `Its processor has been ${percent(share)} in use.`,
    })),
};

const hot: Rule = {
  kind: 'hot',
  beginMilliseconds: 5 * minute,
  endMilliseconds: 10 * minute,
  read: ({ values }) =>
    one(values['hw.temperature'], (degrees) => ({
      ...judge(degrees, [
        { level: 2, begin: 80, end: 75 },
        { level: 3, begin: 90, end: 85 },
      ]),
      evidence: `It measures ${Math.round(degrees)} °C inside.`,
    })),
};

const underVoltage: Rule = {
  kind: 'under-voltage',
  beginMilliseconds: 0, // a dip lasts less than a sample
  endMilliseconds: hour,
  read({ values }) {
    const now = values['hw.status{hw.state=under_voltage}'];
    const before = values['hw.status{hw.state=under_voltage_since_boot}'];
    if (now === undefined && before === undefined) return [];
    const level = now || before ? 2 : 0;
    return [
      {
        up: level,
        stay: level,
        evidence: now
          ? 'The voltage is too low at this moment.'
          : 'The voltage has been too low since the box was started.',
      },
    ];
  },
};

const throttled: Rule = {
  kind: 'throttled',
  beginMilliseconds: 5 * minute,
  endMilliseconds: 15 * minute,
  read({ values }) {
    const degrees = values['hw.temperature'];
    return one(values['hw.status{hw.state=throttled}'], (value) => ({
      ...judge(value, [{ level: 2, begin: 1, end: 1 }]),
      evidence: `The processor runs slower than it could${degrees === undefined ? '' : `, at ${Math.round(degrees)} °C`}.`,
    }));
  },
};

/** A power cut alone is worth knowing for a day; three in ten starts are worth looking after. */
const manyCuts = 3;

const restarted: Rule = {
  kind: 'restarted-unexpectedly',
  beginMilliseconds: 0,
  endMilliseconds: hour,
  read({ values, facts }) {
    const uptime = (values['system.uptime'] ?? 0) * 1000;
    const { starts } = facts;
    if (!starts) return [];
    const isOften = starts.wasCut && starts.cuts >= manyCuts && uptime < 7 * day;
    const level = isOften ? 2 : starts.wasCut && uptime < day ? 1 : 0;
    const often = starts.cuts > 1 ? ` Of the last ${starts.of} starts ${starts.cuts} were like this.` : '';
    return [
      {
        up: level,
        stay: level,
        evidence: `It was started ${span(uptime)} ago without having been switched off.${often}`,
      },
    ];
  },
};

export const machineRules: readonly Rule[] = [
  memory,
  memoryPressure,
  diskPressure,
  busy,
  hot,
  underVoltage,
  throttled,
  restarted,
];
