/** Room on the disk, and how long it and its card will last. */
import { day, hour, judge, minute, one, type Reading, type Rule } from './rule.js';
import { growth, trend } from './window.js';
import { bytes, percent, span, times } from './words.js';

/** Short and steep, long and slow. */
const trends = [
  { milliseconds: 12 * hour, fewest: 6, looksAhead: 2 * day },
  { milliseconds: 14 * day, fewest: 24, looksAhead: 21 * day },
];
/** What goes up and down belongs to no line. */
const goodFit = 0.6;

const filling: Rule = {
  kind: 'disk-filling',
  beginMilliseconds: 2 * hour,
  endMilliseconds: 6 * hour,
  read({ values, window }) {
    const limit = values['system.filesystem.limit'];
    const usage = values['system.filesystem.usage'];
    if (limit === undefined || usage === undefined) return [];
    const found = trends.flatMap(({ milliseconds, fewest, looksAhead }) => {
      const line = trend(window.disk, milliseconds, fewest);
      const left = line && line.slope > 0 && line.fit >= goodFit ? (limit - usage) / line.slope : Infinity;
      return line && left <= looksAhead ? [{ left, slope: line.slope }] : [];
    });
    const soonest = found.toSorted((a, b) => a.left - b.left)[0];
    if (!soonest) return [];
    const levels = judge(
      soonest.left,
      [
        { level: 2, begin: 14 * day, end: 21 * day },
        { level: 3, begin: 2 * day, end: 3 * day },
      ],
      'falling',
    );
    const evidence = `Full in about ${span(soonest.left)}: ${bytes(usage)} of ${bytes(limit)} are in use, and ${bytes(soonest.slope * day)} more each day.`;
    return [{ ...levels, evidence }];
  },
};

const fullAt = [
  { level: 2, begin: 0.9, end: 0.87 },
  { level: 3, begin: 0.95, end: 0.93 },
] as const;
const system = 'the system’s disk';

const full: Rule = {
  kind: 'disk-full',
  beginMilliseconds: 2 * minute,
  endMilliseconds: 10 * minute,
  read({ values }) {
    const [limit, usage] = [values['system.filesystem.limit'] ?? 0, values['system.filesystem.usage'] ?? 0];
    return [
      ...one(values['system.filesystem.utilization'], (share) => ({
        ...judge(share, fullAt),
        evidence: `${percent(share)} are in use: ${bytes(usage)} of ${bytes(limit)}.`,
      })),
      ...one(values['system.filesystem.utilization{system.filesystem.mountpoint=/}'], (share) => ({
        about: system,
        ...judge(share, fullAt),
        evidence: `${percent(share)} of it are in use.`,
      })),
    ];
  },
};

const inodes: Rule = {
  kind: 'inodes-low',
  beginMilliseconds: 10 * minute,
  endMilliseconds: 30 * minute,
  read({ values }) {
    const reading =
      (about?: string) =>
      (share: number): Reading => ({
        ...(about === undefined ? {} : { about }),
        ...judge(share, fullAt),
        evidence: `${percent(share)} of the files that it can hold are there.`,
      });
    return [
      ...one(values['system.filesystem.inodes.utilization'], reading()),
      ...one(values['system.filesystem.inodes.utilization{system.filesystem.mountpoint=/}'], reading(system)),
    ];
  },
};

const wearing: Rule = {
  kind: 'sd-wearing',
  beginMilliseconds: 10 * minute,
  endMilliseconds: day,
  read({ values }) {
    const left = values['hw.physical_disk.endurance_utilization{hw.physical_disk.state=remaining}'];
    const spare = values['hw.physical_disk.pre_eol'];
    if (left === undefined && spare === undefined) return [];
    const byLife = judge(
      left ?? 1,
      [
        { level: 2, begin: 0.2, end: 0.2 },
        { level: 3, begin: 0, end: 0 },
      ],
      'falling',
    );
    const bySpare = judge(spare ?? 1, [
      { level: 2, begin: 2, end: 2 },
      { level: 3, begin: 3, end: 3 },
    ]);
    const worse = bySpare.up > byLife.up ? bySpare : byLife;
    const life = left === undefined ? '' : `The card tells that about ${percent(left)} of its life are left.`;
    const blocks = bySpare.up === 0 ? '' : `Its spare blocks are ${spare === 3 ? 'all but ' : 'mostly '}used up.`;
    return [{ ...worse, evidence: [life, blocks].filter(Boolean).join(' ') }];
  },
};

const errors: Rule = {
  kind: 'disk-errors',
  beginMilliseconds: 2 * minute,
  endMilliseconds: day,
  read({ values, window }) {
    const filesystems = values['system.filesystem.errors'];
    const grown = growth(window, 'system.filesystem.errors') + growth(window, 'hw.errors{hw.type=physical_disk}');
    // A disk's own count starts with what it did not understand while it was found: only its growth tells.
    if (filesystems === undefined && values['hw.errors{hw.type=physical_disk}'] === undefined) return [];
    const level = grown > 0 ? 3 : (filesystems ?? 0) > 0 ? 2 : 0;
    const noted = `Errors were noted ${times(Math.max(filesystems ?? 0, grown))}`;
    return [{ up: level, stay: level, evidence: grown > 0 ? `${noted}, ${grown} within the hour.` : `${noted}.` }];
  },
};

export const diskRules: readonly Rule[] = [filling, full, inodes, wearing, errors];
